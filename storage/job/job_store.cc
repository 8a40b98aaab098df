#include "storage/job/job_store.h"

#include <utility>

#include "base/status.h"
#include "storage/engine/record.h"

namespace nevus {

absl::Status JobStore::Save(const std::vector<v1::Job>& jobs) {
  std::vector<Mutation> batch;
  for (const v1::Job& job : jobs) {
    batch.push_back(PutRecord(Key({"job", job.id()}), job));
  }
  return store_.Apply(std::move(batch));
}

absl::Status JobStore::LoadAll(
    const std::function<void(v1::Job)>& visit) const {
  return ScanRecords<v1::Job>(store_, Key({"job", ""}), "",
                              [&](std::string_view, v1::Job job) {
                                visit(std::move(job));
                                return true;
                              });
}

absl::Status JobStore::Delete(const std::vector<std::string>& ids) {
  std::vector<Mutation> batch;
  for (const std::string& id : ids)
    batch.push_back(DeleteKey(Key({"job", id})));
  return store_.Apply(std::move(batch));
}

}  // namespace nevus
