// What workers ask and say.
#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/job_events.h"
#include "services/scheduler/shell/scheduler.h"

namespace nevus {
namespace {

// Lines of a log that one heartbeat brings; of more the newest are kept.
constexpr int kMaxLogLines = 100;

absl::Status WorkerInvalid(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "WORKER_INVALID");
}

bool SayTheSame(const v1::Progress& a, const v1::Progress& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

// Whether `worker` holds the task by this lease, so far as the core will say.
bool Holds(const scheduler::Job& job, const std::string& worker,
           const v1::Lease& lease) {
  if (lease.task() < 0 ||
      static_cast<size_t>(lease.task()) >= job.tasks.size()) {
    return false;
  }
  const scheduler::Task& task = job.tasks[lease.task()];
  return task.state == scheduler::TaskState::kLeased && task.worker == worker &&
         task.fencing_token == lease.fencing_token();
}

// The first job with a task to lease that is free and that `take` takes.
JobRef FirstLeasable(JobTable& table, v1::WorkerKind kind, absl::Time now,
                     const std::function<bool(const JobEntry&)>& take) {
  JobRef first;
  table.queue().VisitLeasable(
      kind, now, [&](scheduler::JobQueue::Number number) {
        const JobRef entry = table.At(number);
        if (!entry->busy && entry->stored && take(*entry)) first = entry;
        return first == nullptr;
      });
  return first;
}

}  // namespace

void Scheduler::WakeLocked(v1::WorkerKind kind) {
  if (!workers_.SomebodyWaits(kind)) return;
  const auto any = [](const JobEntry&) { return true; };
  if (FirstLeasable(table_, kind, clock_.Now(), any) != nullptr) {
    workers_.Call(kind);
  }
}

absl::StatusOr<v1::LeaseTaskResponse> Scheduler::LeaseTask(
    const v1::LeaseTaskRequest& request, absl::Duration timeout,
    const std::function<bool()>& gone) {
  if (request.worker().empty() ||
      request.kind() == v1::WORKER_KIND_UNSPECIFIED) {
    return WorkerInvalid("a worker must give its name and its kind");
  }
  const Stopwatch watch;
  v1::LeaseTaskResponse response;
  MutexLock lock(mutex_);
  WorkerRoom::Seat seat;
  while (true) {
    if (gone && gone()) {
      if (seat.called) workers_.Call(request.kind());
      return response;
    }
    workers_.HeardOf(request.kind(), request.worker(), clock_.Now());
    bool refused = false;
    const absl::StatusOr<bool> leased =
        TryLeaseLocked(request, response, refused);
    RETURN_IF_ERROR(leased.status());
    if (*leased) {
      // There may be work for another one.
      WakeLocked(request.kind());
      return response;
    }
    if (seat.called && refused) workers_.PassOn(request.kind(), seat);
    const absl::Duration left = timeout - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration()) return response;
    if (stopped_) {
      return absl::UnavailableError(
          "the scheduler is stopping; ask again in a moment");
    }
    workers_.Sit(request.kind(), seat);
    seat.called_changed.WaitFor(mutex_, left);
    workers_.Leave(request.kind(), seat);
  }
}

absl::StatusOr<bool> Scheduler::TryLeaseLocked(
    const v1::LeaseTaskRequest& request, v1::LeaseTaskResponse& response,
    bool& refused) {
  const absl::Time now = clock_.Now();
  const int others = std::max(0, workers_.Connected(request.kind(), now) - 1);
  int task = -1;
  const JobRef entry =
      FirstLeasable(table_, request.kind(), now, [&](const JobEntry& next) {
        task = FindLeasable(next.live->state, now, request.worker(), others);
        refused = refused || task < 0;
        return task >= 0;
      });
  if (entry == nullptr) return false;

  v1::Lease lease;
  lease.set_job(entry->id);
  lease.set_task(task);
  RETURN_IF_ERROR(ApplyLocked(*entry, [&](LiveJob&) -> absl::StatusOr<Plan> {
    Plan plan{scheduler::Lease{task, request.worker()}};
    plan.tell = [&](const scheduler::Job& after, std::vector<v1::JobEvent>&) {
      lease.set_fencing_token(after.tasks[task].fencing_token);
    };
    plan.done = [&](LiveJob& live) {
      live.logs[task] = {lease.fencing_token(), 1};
    };
    return plan;
  }));
  mutex_.Unlock();
  absl::StatusOr<v1::TaskSpec> spec = store_.GetSpec(lease.job(), task);
  mutex_.Lock();
  if (!spec.ok()) {
    // Nobody can do it: the job says so instead of blocking its kind.
    scheduler::Finish finish;
    finish.task = task;
    finish.worker = request.worker();
    finish.fencing_token = lease.fencing_token();
    finish.failure = {spec.status().code(), ReasonOf(spec.status()),
                      std::string(spec.status().message())};
    RETURN_IF_ERROR(ApplyLocked(*entry, [&](LiveJob&) -> absl::StatusOr<Plan> {
      return Plan{finish};
    }));
    return TryLeaseLocked(request, response, refused);
  }
  *response.mutable_lease() = lease;
  *response.mutable_spec() = *std::move(spec);
  *response.mutable_lease_duration() = ToProtoDuration(options_.policy.lease);
  return true;
}

absl::Status Scheduler::FindLogPositionLocked(JobEntry& entry,
                                              const v1::Lease& lease,
                                              const std::string& worker) {
  if (!Holds(entry.live->state, worker, lease)) return absl::OkStatus();
  LiveJob::LogPosition& position = entry.live->logs[lease.task()];
  if (position.fencing_token == lease.fencing_token()) return absl::OkStatus();
  // The attempt began before the scheduler did: what is kept of it counts.
  int64_t lines = 0;
  RETURN_IF_ERROR(OutsideLocked(entry, [&] {
    return store_.ReadEvents(lease.job(), 0, [&](const v1::JobEvent& event) {
      if (event.has_task() && event.task().task() == lease.task() &&
          event.task().state() == v1::LEASED) {
        lines = 0;
      }
      if (event.has_log() && event.log().task() == lease.task()) ++lines;
      return true;
    });
  }));
  position = {lease.fencing_token(), lines + 1};
  return absl::OkStatus();
}

absl::StatusOr<v1::HeartbeatResponse> Scheduler::Heartbeat(
    const v1::HeartbeatRequest& request) {
  const v1::Lease& lease = request.lease();
  v1::HeartbeatResponse response;
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const JobRef entry, FindLocked(lease.job()));
  workers_.HeardOf(entry->kind, request.worker(), clock_.Now());
  while (entry->busy) entry->changed.Wait(mutex_);
  if (entry->state == scheduler::JobState::kCancelled) {
    response.set_cancelled(true);
    return response;
  }
  if (request.log_lines_size() > 0 && entry->live != nullptr) {
    RETURN_IF_ERROR(FindLogPositionLocked(*entry, lease, request.worker()));
  }
  bool news = false;
  const auto make = [&](bool with_news) {
    return [&, with_news](LiveJob& live) -> absl::StatusOr<Plan> {
      scheduler::Heartbeat heartbeat{
          lease.task(), request.worker(), lease.fencing_token(), {}};
      // The core says what is wrong with one that does not hold the task.
      if (!Holds(live.state, request.worker(), lease)) return Plan{heartbeat};
      const scheduler::Task& task = live.state.tasks[lease.task()];
      heartbeat.progress = task.progress;
      if (!with_news) return Plan{heartbeat};
      // An empty one says nothing.
      const bool further =
          request.progress().ByteSizeLong() > 0 &&
          !SayTheSame(request.progress(), ToProto(task.progress));
      if (further) heartbeat.progress = FromProto(request.progress());
      const LiveJob::LogPosition position = live.logs[lease.task()];
      const int64_t first = request.first_log_line() > 0
                                ? request.first_log_line()
                                : position.next_line;
      const int64_t end = first + request.log_lines_size();
      const int64_t begin =
          std::max({first, position.next_line, end - kMaxLogLines});
      news = further || begin < end;
      Plan plan{heartbeat, lease.task()};
      plan.tell = [=, &request](const scheduler::Job& after,
                                std::vector<v1::JobEvent>& events) {
        const int index = request.lease().task();
        if (further) {
          events.push_back(
              ProgressEvent(after.tasks[index], index, clock_.Now()));
        }
        for (int64_t line = begin; line < end; ++line) {
          events.push_back(
              LogEvent(index, request.worker(),
                       request.log_lines(static_cast<int>(line - first))));
        }
      };
      plan.done = [=](LiveJob& stored) {
        if (begin < end) stored.logs[lease.task()].next_line = end;
      };
      return plan;
    };
  };
  const absl::Status status = ApplyLocked(*entry, make(true));
  if (!status.ok() && news) {
    // What it brings could not be stored; that the worker lives need not be.
    ApplyLocked(*entry, make(false)).IgnoreError();
  }
  RETURN_IF_ERROR(status);
  return response;
}

absl::Status Scheduler::FinishTask(const v1::FinishTaskRequest& request) {
  scheduler::Finish finish;
  finish.task = request.lease().task();
  finish.worker = request.worker();
  finish.fencing_token = request.lease().fencing_token();
  if (request.has_error()) {
    finish.failure = {static_cast<absl::StatusCode>(request.error().code()),
                      request.error().reason(), request.error().message()};
  } else {
    finish.result = request.result();
  }
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const JobRef entry, FindLocked(request.lease().job()));
  const absl::Time now = clock_.Now();
  workers_.HeardOf(entry->kind, request.worker(), now);
  finish.workers = workers_.Connected(entry->kind, now);
  return ApplyLocked(*entry, [&](LiveJob&) -> absl::StatusOr<Plan> {
    Plan plan{finish};
    plan.done = [&](LiveJob& stored) { stored.logs.erase(finish.task); };
    return plan;
  });
}

absl::StatusOr<v1::ReportWorkerDeathResponse> Scheduler::ReportWorkerDeath(
    const v1::ReportWorkerDeathRequest& request) {
  const std::string& worker = request.worker();
  if (worker.empty()) {
    return WorkerInvalid("no worker is named; give the one that died");
  }
  v1::ReportWorkerDeathResponse response;
  MutexLock lock(mutex_);
  workers_.Left(worker);
  Log("worker.died").With("worker", worker).With("how", request.how());
  const auto held = [&](const scheduler::Job& job) {
    return std::count_if(job.tasks.begin(), job.tasks.end(),
                         [&](const scheduler::Task& task) {
                           return task.state == scheduler::TaskState::kLeased &&
                                  task.worker == worker;
                         });
  };
  for (const JobRef& entry : table_.Unfinished()) {
    // Only one that has begun, or is being leased now, can have tasks of it.
    if (!entry->busy && entry->state == scheduler::JobState::kPending) continue;
    const absl::Status told =
        ApplyLocked(*entry, [&](LiveJob& live) -> absl::StatusOr<Plan> {
          response.set_tasks(response.tasks() +
                             static_cast<int>(held(live.state)));
          return Plan{scheduler::WorkerDied{worker, request.how()}};
        });
    if (!told.ok() && !entry->gone) return told;
  }
  return response;
}

}  // namespace nevus
