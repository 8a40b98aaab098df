// The scheduler: keeps jobs, feeds events to the core, stores, then answers.
//
// One step of a job: take its state under the lock, ask the core what the event
// does, let go of the lock, store the next state if it must survive a crash,
// install it, answer. While a job is being stored, other events for it wait;
// other jobs go on. Knows no gRPC.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"
#include "storage/job/job_store.h"

namespace nevus {

struct SchedulerOptions {
  scheduler::Policy policy;
  // Unfinished jobs at most: a queue without an end hides that nobody works.
  int64_t max_unfinished_jobs = 10'000;
  // Tasks of one job at most: 2.5 million images in shards of 256.
  int max_tasks = 10'000;
};

// Thread-safe.
class Scheduler {
 public:
  // Loads what `store` has; leases begin anew. `store` and `clock` must outlive
  // this.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Open(
      JobStore& store, const Clock& clock, const SchedulerOptions& options);

  // JobService. Errors as in job.proto.
  absl::StatusOr<v1::Job> Submit(v1::Job job);
  absl::StatusOr<v1::Job> Get(const std::string& id) const;
  absl::StatusOr<v1::ListJobsResponse> List(
      const v1::ListJobsRequest& request) const;
  absl::StatusOr<v1::Job> Cancel(const std::string& id);
  absl::StatusOr<v1::Job> Retry(const std::string& id);
  // The job when its revision is no longer `*revision` (begin with 0), which is
  // set to the new one. Waits up to `timeout`; then returns the job as it is.
  absl::StatusOr<v1::Job> AwaitChange(const std::string& id, int64_t* revision,
                                      absl::Duration timeout) const;

  // WorkerService. An absent lease in the response: nothing to do within
  // `timeout`.
  absl::StatusOr<v1::LeaseTaskResponse> LeaseTask(
      const v1::LeaseTaskRequest& request, absl::Duration timeout);
  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(
      const v1::HeartbeatRequest& request);
  absl::Status FinishTask(const v1::FinishTaskRequest& request);

  // Takes tasks back from silent workers. Call about every second.
  void ExpireLeases();

  // Ends all waits, now and in future.
  void Stop();

 private:
  struct Entry {
    v1::Job proto;         // all but what `state` says
    scheduler::Job state;  // the truth
    int64_t revision = 1;  // grows with each change
    bool storing = false;  // a step is under way: wait
  };

  Scheduler(JobStore& store, const Clock& clock,
            const SchedulerOptions& options)
      : store_(store), clock_(clock), options_(options) {}

  absl::StatusOr<Entry*> FindLocked(const std::string& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One step of a job; returns it as it is afterwards.
  absl::StatusOr<v1::Job> Apply(const std::string& id,
                                const scheduler::Event& event);
  absl::StatusOr<v1::Job> ApplyLocked(Entry& entry,
                                      const scheduler::Event& event)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::Job ShowLocked(const Entry& entry, bool with_tasks) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int WorkersLocked(v1::WorkerKind kind) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  JobStore& store_;
  const Clock& clock_;
  const SchedulerOptions options_;

  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // In order of submission, which is the order of service. Never erased, so
  // pointers to entries stay good.
  std::vector<std::unique_ptr<Entry>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, size_t> by_id_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> id_by_request_ ABSL_GUARDED_BY(mutex_);
  // Positions in jobs_ of those that have not ended, in order.
  std::map<size_t, Entry*> unfinished_ ABSL_GUARDED_BY(mutex_);
  // When each worker was last heard of.
  std::map<std::pair<v1::WorkerKind, std::string>, absl::Time> workers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_
