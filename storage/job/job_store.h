// Keeps jobs for the scheduler. What a task is to do (its spec, by far the
// larger part) is written once; how far the job is, with each step. Knows
// nothing of what jobs mean.
#ifndef NEVUS_STORAGE_JOB_JOB_STORE_H_
#define NEVUS_STORAGE_JOB_JOB_STORE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Thread-safe.
class JobStore {
 public:
  // `store` must outlive this.
  explicit JobStore(KeyValueStore& store) : store_(store) {}

  // Stores a new job whole; it is synced when this returns OK.
  absl::Status Create(const v1::Job& job);

  // Replaces all of a job but the specs of its tasks; likewise synced.
  // REQUIRES: the job was created, and has the same tasks.
  absl::Status Update(const v1::Job& job);

  // Every job with its specs, in order of id. DATA_LOSS names the first damaged
  // one.
  absl::Status LoadAll(const std::function<void(v1::Job)>& visit) const;

 private:
  KeyValueStore& store_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_JOB_JOB_STORE_H_
