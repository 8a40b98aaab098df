// Keeps jobs for the scheduler: what a step changes is all that it writes. What
// a task is to do (its spec, by far the larger part) and how it was at its
// creation are written once; then only tasks that changed, the job's header and
// the events that tell of it, in one batch. Knows nothing of what jobs mean.
// The layout is in docs/storage_format.md.
#ifndef NEVUS_STORAGE_JOB_JOB_STORE_H_
#define NEVUS_STORAGE_JOB_JOB_STORE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"

namespace nevus {

// Events of a job that are kept, the newest.
constexpr int64_t kMaxEvents = 10'000;

// One step of one job.
struct JobChange {
  v1::Job job;                       // its tasks and their specs are ignored
  std::vector<v1::Task> tasks;       // that changed; their specs are ignored
  std::vector<v1::JobEvent> events;  // numbered on from the last
};

// Writes, into the closed copy of a scheduler's store, that it is a copy: the
// scheduler that opens it knows that tokens were given since. For backups.
Mutation MarkRestored();

// Thread-safe. Every write is one batch, synced when it returns OK.
class JobStore {
 public:
  // `store` must outlive this.
  explicit JobStore(KeyValueStore& store) : store_(store) {}

  // Stores a new job with its tasks, their specs and its first events.
  absl::Status Create(const v1::Job& job,
                      const std::vector<v1::JobEvent>& events);

  // Stores steps of jobs that were created, all or none, and the answer to the
  // request that asked for them.
  absl::Status Write(const std::vector<JobChange>& changes,
                     const RequestEntry& entry = {},
                     const v1::Job& answer = {});

  // Removes a job and all that belongs to it. What was answered to requests
  // about it stays.
  absl::Status Delete(const std::string& id);

  // Every job in order of id: without tasks if `wants_tasks` says so of its
  // header, else with them. DATA_LOSS names the first damaged value.
  absl::Status LoadAll(const std::function<bool(const v1::Job&)>& wants_tasks,
                       const std::function<void(v1::Job)>& visit) const;

  // The job as it is, with its tasks without specs. Errors: NOT_FOUND;
  // DATA_LOSS.
  absl::StatusOr<v1::Job> Read(const std::string& id) const;
  // The same without tasks.
  absl::StatusOr<v1::Job> ReadHeader(const std::string& id) const;
  // What task `task` is to do. Errors: DATA_LOSS, also if there is none.
  absl::StatusOr<v1::TaskSpec> GetSpec(const std::string& id, int task) const;
  // Events of a job with larger numbers than `after`, in order, until `visit`
  // returns false.
  absl::Status ReadEvents(const std::string& id, int64_t after,
                          const std::function<bool(v1::JobEvent)>& visit) const;

  // Whether the store is a copy by MarkRestored whose jobs have not been told.
  absl::StatusOr<bool> restored() const;
  // They have.
  absl::Status ClearRestored();

 private:
  absl::Status AddTasks(v1::Job& job) const;

  KeyValueStore& store_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_JOB_JOB_STORE_H_
