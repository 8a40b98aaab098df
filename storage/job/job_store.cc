#include "storage/job/job_store.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

// The part of `job` that its steps change.
Mutation PutState(const v1::Job& job) {
  v1::Job state = job;
  for (v1::Task& task : *state.mutable_tasks()) task.clear_spec();
  return PutRecord(Key({"job", job.id()}), state);
}

}  // namespace

absl::Status JobStore::Create(const v1::Job& job) {
  v1::Job specs;
  for (const v1::Task& task : job.tasks()) {
    *specs.add_tasks()->mutable_spec() = task.spec();
  }
  return store_.Apply(
      {PutRecord(Key({"job_spec", job.id()}), specs), PutState(job)});
}

absl::Status JobStore::Update(const v1::Job& job) {
  return store_.Apply({PutState(job)});
}

absl::Status JobStore::LoadAll(
    const std::function<void(v1::Job)>& visit) const {
  absl::Status result;
  RETURN_IF_ERROR(ScanRecords<v1::Job>(
      store_, Key({"job", ""}), "", [&](std::string_view key, v1::Job job) {
        const std::string spec_key = Key({"job_spec", job.id()});
        auto specs = GetRecord<v1::Job>(store_, spec_key);
        if (!specs.ok()) {
          result = specs.status().code() == absl::StatusCode::kNotFound
                       ? DamagedValue(spec_key, "it is missing")
                       : specs.status();
          return false;
        }
        if (specs->tasks_size() != job.tasks_size()) {
          result = DamagedValue(
              spec_key, absl::StrCat("it has ", specs->tasks_size(),
                                     " tasks, the job ", job.tasks_size()));
          return false;
        }
        for (int i = 0; i < job.tasks_size(); ++i) {
          job.mutable_tasks(i)->mutable_spec()->Swap(
              specs->mutable_tasks(i)->mutable_spec());
        }
        visit(std::move(job));
        return true;
      }));
  return result;
}

}  // namespace nevus
