// The scheduler: keeps jobs, feeds events to the core, stores, then answers.
//
// One step of a job: ask the core what the event does, let go of the lock,
// store what changed with the events that tell of it, install it, answer.
// Meanwhile other events for that job wait; other jobs go on and share a sync.
// Knows no gRPC.
//
// Its rooms: scheduler.cc (reading, time), _open.cc, _submit.cc, _step.cc (and
// what follows for other jobs), _workers.cc.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"
#include "services/scheduler/core/waiting_reason.h"
#include "services/scheduler/shell/job_table.h"
#include "services/scheduler/shell/scheduler_options.h"
#include "services/scheduler/shell/worker_room.h"
#include "storage/engine/request_log.h"
#include "storage/job/job_store.h"

namespace nevus {

// Thread-safe.
class Scheduler {
 public:
  // Loads what `store` has; leases begin anew, and in a copy (MarkRestored)
  // tokens are raised first. `requests` is of the same engine as `store`. All
  // must outlive this.
  static absl::StatusOr<std::unique_ptr<Scheduler>> Open(
      JobStore& store, RequestLog& requests, const Clock& clock,
      const SchedulerOptions& options);

  // JobService.
  absl::StatusOr<v1::Job> Submit(v1::Job job);
  absl::StatusOr<v1::Job> Get(const v1::GetJobRequest& request);
  absl::StatusOr<v1::ListJobsResponse> List(
      const v1::ListJobsRequest& request) const;
  // The answers have no tasks and no reason: they are remembered.
  absl::StatusOr<v1::Job> Cancel(const v1::CancelJobRequest& request);
  absl::StatusOr<v1::Job> Retry(const v1::RetryJobRequest& request);

  struct News {
    int64_t last_event = 0;
    bool ended = false;
    scheduler::WaitingReason reason;
  };
  // Waits up to `timeout` for an event beyond `after` or the job's end.
  absl::StatusOr<News> AwaitNews(const std::string& id, int64_t after,
                                 absl::Duration timeout);
  // The events after `after` up to `last`, in order, until `visit` returns
  // false. Those up to News::last_event are synced.
  absl::Status ReadEvents(
      const std::string& id, int64_t after, int64_t last,
      const std::function<bool(const v1::JobEvent&)>& visit) const;

  // WorkerService. An absent lease in the response: nothing to do within
  // `timeout`. No lease is given to a caller that `gone` says has gone.
  absl::StatusOr<v1::LeaseTaskResponse> LeaseTask(
      const v1::LeaseTaskRequest& request, absl::Duration timeout,
      const std::function<bool()>& gone = nullptr);
  absl::StatusOr<v1::HeartbeatResponse> Heartbeat(
      const v1::HeartbeatRequest& request);
  absl::Status FinishTask(const v1::FinishTaskRequest& request);
  absl::StatusOr<v1::ReportWorkerDeathResponse> ReportWorkerDeath(
      const v1::ReportWorkerDeathRequest& request);

  // What time does: leases and limits end, back-offs are over, what could not
  // be stored is tried again, ended jobs are pruned. Call a few times a second.
  void Tick();
  JobFigures Count() const;
  // Ends all waits, now and in future.
  void Stop();

 private:
  // A step, once its job is free.
  struct Plan {
    scheduler::Event event;
    // A task to store although it may be unchanged to the core.
    int task = -1;
    // Adds what else is to be told of, with `after` the job after the step.
    std::function<void(const scheduler::Job& after,
                       std::vector<v1::JobEvent>& events)>
        tell = {};
    // When the step is stored.
    std::function<void(LiveJob& live)> done = {};
    // The request that the step answers to; null if there is none.
    const RequestEntry* answers = nullptr;
  };
  using MakePlan = std::function<absl::StatusOr<Plan>(LiveJob& live)>;

  Scheduler(JobStore& store, RequestLog& requests, const Clock& clock,
            const SchedulerOptions& options)
      : store_(store), requests_(requests), clock_(clock), options_(options) {}

  absl::StatusOr<JobRef> FindLocked(const std::string& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns what `io` returns, called without the lock while the job is busy.
  template <typename Io>
  auto OutsideLocked(JobEntry& entry, const Io& io)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    entry.busy = true;
    mutex_.Unlock();
    auto result = io();
    mutex_.Lock();
    entry.busy = false;
    entry.changed.NotifyAll();
    return result;
  }
  // Waits until no other step is under way and loads an ended job.
  absl::Status AwaitFreeLocked(JobEntry& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One step of a job; `shown`, if given, is its header afterwards.
  absl::Status ApplyOneLocked(JobEntry& entry, const MakePlan& make,
                              v1::Job* shown = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same, and what follows for jobs that wait for this one.
  absl::Status ApplyLocked(JobEntry& entry, const MakePlan& make,
                           v1::Job* shown = nullptr)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StepLocked(JobEntry& entry, const Plan& plan, v1::Job* shown)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void InstallLocked(JobEntry& entry, scheduler::Job next)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellDependentsLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Cancel and Retry of job `id`.
  absl::StatusOr<v1::Job> AnswerOnce(
      const RepeatableRequest& request, const std::string& id,
      const std::function<absl::StatusOr<scheduler::Event>(const LiveJob&)>&
          make_event);
  absl::StatusOr<scheduler::Event> RetryEventLocked(const LiveJob& live) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status AddLoadedLocked(v1::Job job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status BeginAnewLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // In a copy: every token of the given jobs makes its leap.
  absl::Status LeapLocked(const std::vector<JobRef>& jobs)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::Job> SubmittedBeforeLocked(JobEntry& entry,
                                                const std::string& digest)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What a new job waits for; `failed`: one of them that did not succeed.
  absl::Status FindDependenciesLocked(
      const v1::Job& job, std::vector<std::string>& waits_for,
      std::optional<scheduler::DependencyEnded>& failed) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // True if `response` has a lease now; `refused`: it leaves work to others.
  absl::StatusOr<bool> TryLeaseLocked(const v1::LeaseTaskRequest& request,
                                      v1::LeaseTaskResponse& response,
                                      bool& refused)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls a waiting worker if there is work for its kind.
  void WakeLocked(v1::WorkerKind kind) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status FindLogPositionLocked(JobEntry& entry, const v1::Lease& lease,
                                     const std::string& worker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PruneLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  scheduler::WaitingReason WhyLocked(const JobEntry& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // REQUIRES: entry.live.
  v1::Job ShowLocked(const JobEntry& entry, bool with_tasks) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  JobStore& store_;
  RequestLog& requests_;
  const Clock& clock_;
  const SchedulerOptions options_;

  mutable Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  JobTable table_ ABSL_GUARDED_BY(mutex_);
  mutable WorkerRoom workers_ ABSL_GUARDED_BY(mutex_);
  // Who is to hear of what; if it cannot be stored, by the next Tick.
  struct Ended {
    JobRef dependent;
    scheduler::DependencyEnded event;
  };
  std::deque<Ended> to_tell_ ABSL_GUARDED_BY(mutex_);
  std::vector<Ended> untold_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_H_
