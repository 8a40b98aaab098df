// Keeps jobs for the scheduler: each job with its tasks is one record, written
// whole. Knows nothing of what jobs mean.
#ifndef NEVUS_STORAGE_JOB_JOB_STORE_H_
#define NEVUS_STORAGE_JOB_JOB_STORE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Thread-safe.
class JobStore {
 public:
  // `store` must outlive this.
  explicit JobStore(KeyValueStore& store) : store_(store) {}

  // Stores all of `jobs` by id, or none; they are synced when it returns OK.
  absl::Status Save(const std::vector<v1::Job>& jobs);

  // Every job, in order of id. DATA_LOSS names the first damaged one.
  absl::Status LoadAll(const std::function<void(v1::Job)>& visit) const;

  // Removes all of `ids`, or none. Those that are not there are no error.
  absl::Status Delete(const std::vector<std::string>& ids);

 private:
  KeyValueStore& store_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_JOB_JOB_STORE_H_
