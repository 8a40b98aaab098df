#include "services/scheduler/core/job_machine.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus::scheduler {
namespace {

// More leases than a task gets between a backup and the loss of what followed.
constexpr int64_t kTokenLeap = 1'000'000;

// The first token of a life that begins from a backup at `now`: not less than
// the microseconds of that moment. Every life from one backup begins at another
// one, and no life gives a task a lease every microsecond, so that each has
// larger tokens than those before it. By a clock that is set back it is still a
// leap ahead of the backup's.
int64_t TokenAfterRestore(int64_t token, absl::Time now) {
  return std::max(token + kTokenLeap, absl::ToUnixMicros(now));
}
constexpr char kDiskFull[] = "DISK_FULL";

// Errors that another try cannot cure: the caller's, or our bytes'.
bool IsPermanent(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

// Errors that are no fault of the task: a service or the worker was away or too
// slow, gave the task back or lost it. That they come on every worker says that
// an outage is everywhere; so they use up attempts, with back-off, and no more.
bool SaysNothingOfTheTask(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

// SplitMix64's finisher: neighbouring inputs give unrelated outputs.
uint64_t Scramble(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

absl::Duration Backoff(uint64_t seed, int task, int attempts,
                       const Policy& policy) {
  absl::Duration backoff = policy.first_backoff;
  for (int i = 1; i < attempts && backoff < policy.max_backoff; ++i) {
    backoff *= 2;
  }
  backoff = std::min(backoff, policy.max_backoff);
  const uint64_t draw =
      Scramble(Scramble(Scramble(seed) + static_cast<uint64_t>(task)) +
               static_cast<uint64_t>(attempts));
  return backoff + backoff * static_cast<int64_t>(draw % 201) / 1000;
}

auto Fields(const Failure& failure) {
  return std::tie(failure.code, failure.reason, failure.message);
}

bool Same(const Progress& a, const Progress& b) {
  return std::tie(a.done, a.total, a.unit, a.message, a.metrics) ==
         std::tie(b.done, b.total, b.unit, b.message, b.metrics);
}

// All but the lease's end.
bool SameButLease(const Task& a, const Task& b) {
  const auto fields = [](const Task& task) {
    return std::tie(task.state, task.stage, task.attempts, task.fencing_token,
                    task.worker, task.attempt_start, task.not_before,
                    task.failed_workers, task.result);
  };
  return fields(a) == fields(b) && Same(a.progress, b.progress) &&
         Fields(a.last_error) == Fields(b.last_error);
}

// All but the tasks and what never changes.
bool SameApartFromTasks(const Job& a, const Job& b) {
  const auto fields = [](const Job& job) {
    return std::tie(job.state, job.waits_for, job.start_time, job.end_time,
                    job.result);
  };
  return fields(a) == fields(b) && Fields(a.error) == Fields(b.error);
}

// One event on a copy of the job, which becomes what is returned.
class Stepper {
 public:
  Stepper(const Job& before, absl::Time now, const Policy& policy)
      : before_(before), job_(before), now_(now), policy_(policy) {}

  absl::Status operator()(const Lease& lease) {
    RETURN_IF_ERROR(CheckTask(lease.task));
    RETURN_IF_ERROR(CheckLeasable(lease.task));
    Task& task = job_.tasks[lease.task];
    task.state = TaskState::kLeased;
    task.worker = lease.worker;
    ++task.attempts;
    ++task.fencing_token;
    task.attempt_start = now_;
    task.lease_expiry = now_ + policy_.lease;
    if (job_.start_time == absl::InfinitePast()) job_.start_time = now_;
    Run();
    return absl::OkStatus();
  }

  absl::Status operator()(const Heartbeat& heartbeat) {
    RETURN_IF_ERROR(
        CheckHolder(heartbeat.task, heartbeat.worker, heartbeat.fencing_token));
    Task& task = job_.tasks[heartbeat.task];
    task.lease_expiry = now_ + policy_.lease;
    task.progress = heartbeat.progress;
    return absl::OkStatus();
  }

  absl::Status operator()(const Finish& finish) {
    RETURN_IF_ERROR(CheckTask(finish.task));
    if (IsRepeated(finish)) return absl::OkStatus();
    RETURN_IF_ERROR(
        CheckHolder(finish.task, finish.worker, finish.fencing_token));
    if (finish.failure.code != absl::StatusCode::kOk) {
      Fail(finish.task, finish.failure, Again::kLater, finish.workers);
      return absl::OkStatus();
    }
    Task& task = job_.tasks[finish.task];
    task.state = TaskState::kDone;
    task.result = finish.result;
    task.progress.done = task.progress.total;
    Run();
    SucceedIfNothingIsLeft();
    return absl::OkStatus();
  }

  absl::Status operator()(const WorkerDied& death) {
    for (int i = 0; i < tasks(); ++i) {
      if (!IsLeased(i) || job_.tasks[i].worker != death.worker) continue;
      Fail(i,
           {absl::StatusCode::kUnavailable, "WORKER_DIED",
            absl::StrCat("worker ", death.worker, " was ", death.how)},
           Again::kAtOnce, kUnknownWorkers);
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const DependencyEnded& ended) {
    std::vector<std::string>& waits = job_.waits_for;
    const auto found = std::find(waits.begin(), waits.end(), ended.job);
    if (HasEnded(job_.state) || found == waits.end()) return absl::OkStatus();
    if (ended.state == JobState::kSucceeded) {
      waits.erase(std::remove(waits.begin(), waits.end(), ended.job),
                  waits.end());
      SucceedIfNothingIsLeft();
    } else if (HasEnded(ended.state)) {
      End(JobState::kFailed);
      job_.error = {
          absl::StatusCode::kFailedPrecondition, "DEPENDENCY_FAILED",
          absl::StrCat("job ", ended.job, ", which this one waits for, ",
                       ended.state == JobState::kFailed ? "" : "was ",
                       Name(ended.state), "; retry that one, then this one")};
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Cancel&) {
    if (job_.state == JobState::kCancelled) return absl::OkStatus();
    if (HasEnded(job_.state)) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "the job has ", Name(job_.state),
                            "; only one that has not ended can be cancelled")),
                        "JOB_ENDED");
    }
    End(JobState::kCancelled);
    return absl::OkStatus();
  }

  absl::Status operator()(const Retry& retry) {
    if (job_.state != JobState::kFailed && job_.state != JobState::kCancelled) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "the job is ", Name(job_.state),
                            "; only one that is FAILED or CANCELLED can be "
                            "tried again")),
                        "JOB_NOT_FAILED");
    }
    job_.state = JobState::kPending;
    job_.waits_for = retry.waits_for;
    job_.error = {};
    job_.start_time = absl::InfinitePast();  // the time limit begins anew
    job_.end_time = absl::InfinitePast();
    for (Task& task : job_.tasks) {
      if (task.state == TaskState::kDone) continue;
      // The token stays: a worker of the life before must not write.
      task.state = TaskState::kWaiting;
      task.attempts = 0;
      task.not_before = absl::InfinitePast();
      task.progress.done = 0;
      task.last_error = {};
      task.failed_workers.clear();
    }
    SucceedIfNothingIsLeft();
    return absl::OkStatus();
  }

  absl::Status operator()(const Tick&) {
    if (HasEnded(job_.state)) return absl::OkStatus();
    if (JobDeadline(job_) <= now_) {
      End(JobState::kFailed);
      job_.error = {
          absl::StatusCode::kDeadlineExceeded, "JOB_TIME_LIMIT",
          absl::StrCat("not done within ",
                       absl::FormatDuration(job_.time_limit),
                       " of its first lease, its time limit. Retry it (what is "
                       "done stays done), or submit it with a longer one")};
      return absl::OkStatus();
    }
    for (int i = 0; i < tasks(); ++i) {
      const Task& task = job_.tasks[i];
      if (!IsLeased(i)) continue;
      if (task.lease_expiry <= now_) {
        Fail(i,
             {absl::StatusCode::kUnavailable, "WORKER_SILENT",
              absl::StrCat("worker ", task.worker, " sent no heartbeat for ",
                           absl::FormatDuration(policy_.lease))},
             Again::kAtOnce, kUnknownWorkers);
      } else if (AttemptDeadline(job_, task) <= now_) {
        Fail(i,
             {absl::StatusCode::kDeadlineExceeded, "ATTEMPT_TIME_LIMIT",
              absl::StrCat("worker ", task.worker, " was not done within ",
                           absl::FormatDuration(job_.attempt_time_limit),
                           ", the job's limit for one attempt")},
             Again::kLater, kUnknownWorkers);
      }
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Restart&) {
    for (Task& task : job_.tasks) {
      if (task.state == TaskState::kLeased) {
        task.lease_expiry = now_ + policy_.lease;
      }
    }
    return absl::OkStatus();
  }

  absl::Status operator()(const Restore&) {
    for (Task& task : job_.tasks) {
      if (task.state == TaskState::kDone) continue;
      task.fencing_token = TokenAfterRestore(task.fencing_token, now_);
      if (task.state != TaskState::kLeased) continue;
      task.state = TaskState::kWaiting;
      task.not_before = absl::InfinitePast();
      task.progress.done = 0;
      --task.attempts;
    }
    return absl::OkStatus();
  }

  Transition Take() && {
    Transition transition;
    transition.store = !SameApartFromTasks(before_, job_);
    for (int i = 0; i < tasks(); ++i) {
      const Task& from = before_.tasks[i];
      const Task& to = job_.tasks[i];
      const bool same = SameButLease(from, to);
      if (!same) transition.store = true;
      if (!same || from.lease_expiry != to.lease_expiry) {
        transition.changed_tasks.push_back(i);
      }
    }
    transition.next = std::move(job_);
    return transition;
  }

 private:
  enum class Again { kAtOnce, kLater };
  // Who else is connected is known only when a worker reports.
  static constexpr int kUnknownWorkers = 0;

  int tasks() const { return static_cast<int>(job_.tasks.size()); }

  bool IsLeased(int task) const {
    return job_.tasks[task].state == TaskState::kLeased;
  }

  absl::Status CheckTask(int task) const {
    if (task >= 0 && task < tasks()) return absl::OkStatus();
    return WithReason(
        absl::InvalidArgumentError(
            absl::StrCat("there is no task ", task, "; the job has ", tasks())),
        "TASK_UNKNOWN");
  }

  // A worker whose lease was lost may still speak; nothing it says may win.
  absl::Status CheckHolder(int index, const std::string& worker,
                           int64_t token) const {
    RETURN_IF_ERROR(CheckTask(index));
    const Task& task = job_.tasks[index];
    if (task.state == TaskState::kLeased && task.worker == worker &&
        task.fencing_token == token) {
      return absl::OkStatus();
    }
    return WithReason(
        absl::AbortedError(absl::StrCat(
            "worker ", worker, " with token ", token, " does not hold task ",
            index, " (it is ", Name(task.state), ", its token is ",
            task.fencing_token, "). Stop and drop the result")),
        "LEASE_LOST");
  }

  absl::Status CheckLeasable(int index) const {
    const Task& task = job_.tasks[index];
    const auto refuse = [](const char* reason, const std::string& message) {
      return WithReason(absl::FailedPreconditionError(message), reason);
    };
    if (task.state != TaskState::kWaiting) {
      return refuse("TASK_NOT_WAITING",
                    absl::StrCat("task ", index, " is ", Name(task.state),
                                 "; only a WAITING one can be leased"));
    }
    if (!job_.waits_for.empty()) {
      return refuse("JOB_WAITS",
                    absl::StrCat("the job waits for ", job_.waits_for.size(),
                                 " other(s), first ", job_.waits_for[0]));
    }
    if (const int stage = CurrentStage(job_); task.stage > stage) {
      return refuse("STAGE_WAITS",
                    absl::StrCat("task ", index, " is of stage ", task.stage,
                                 ", but stage ", stage, " is not done"));
    }
    const absl::Time from = std::max(task.not_before, PausedUntil(job_));
    if (from > now_) {
      return refuse("TASK_BACKING_OFF",
                    absl::StrCat("task ", index, " backs off for another ",
                                 absl::FormatDuration(from - now_)));
    }
    return absl::OkStatus();
  }

  // The answer to the first report was lost: the second gets the same one.
  bool IsRepeated(const Finish& finish) const {
    const Task& task = job_.tasks[finish.task];
    if (task.worker != finish.worker ||
        task.fencing_token != finish.fencing_token) {
      return false;
    }
    if (finish.failure.code == absl::StatusCode::kOk) {
      return task.state == TaskState::kDone;
    }
    return (task.state == TaskState::kWaiting ||
            task.state == TaskState::kBroken) &&
           Fields(task.last_error) == Fields(finish.failure);
  }

  // There is work on it, so no disk is in the way.
  void Run() {
    job_.state = JobState::kRunning;
    job_.error = {};
  }

  void End(JobState state) {
    job_.state = state;
    job_.error = {};
    job_.end_time = now_;
    for (Task& task : job_.tasks) {
      if (task.state == TaskState::kWaiting ||
          task.state == TaskState::kLeased) {
        task.state = TaskState::kDropped;
      }
    }
  }

  void SucceedIfNothingIsLeft() {
    if (!job_.waits_for.empty()) return;
    std::string result;
    for (const Task& task : job_.tasks) {
      if (task.state != TaskState::kDone) return;
      if (!task.result.empty()) result = task.result;
    }
    End(JobState::kSucceeded);
    job_.result = std::move(result);
  }

  // The attempt is over without a result.
  void Fail(int index, Failure failure, Again again, int workers) {
    Task& task = job_.tasks[index];
    if (std::tie(task.last_error.code, task.last_error.reason) !=
        std::tie(failure.code, failure.reason)) {
      task.failed_workers.clear();
    }
    task.last_error = std::move(failure);
    task.progress.done = 0;
    if (task.last_error.reason == kDiskFull) {
      Pause(task);
      return;
    }
    std::vector<std::string>& failed = task.failed_workers;
    if (std::find(failed.begin(), failed.end(), task.worker) == failed.end()) {
      failed.push_back(task.worker);
    }
    if (IsPermanent(task.last_error.code)) {
      Break(task, "", "");
    } else if (!SaysNothingOfTheTask(task.last_error.code) && workers >= 2 &&
               failed.size() >= static_cast<size_t>(workers)) {
      Break(task, "FAILED_EVERYWHERE",
            absl::StrCat("failed the same way on every worker (", workers,
                         "): "));
    } else if (task.attempts >= policy_.max_attempts) {
      Break(task, "OUT_OF_ATTEMPTS",
            absl::StrCat("gave up after ", task.attempts, " attempts: "));
    } else {
      task.state = TaskState::kWaiting;
      // "At once" also by a clock that is set back.
      task.not_before =
          again == Again::kAtOnce
              ? absl::InfinitePast()
              : now_ + Backoff(job_.jitter_seed, index, task.attempts, policy_);
    }
  }

  // The disk is nobody's fault: the attempt does not count.
  void Pause(Task& task) {
    --task.attempts;
    task.state = TaskState::kWaiting;
    task.not_before = now_ + policy_.pause;
    job_.state = JobState::kPaused;
    job_.error = task.last_error;
  }

  // `reason` is for an error that has none of its own.
  void Break(Task& task, const char* reason, const std::string& prefix) {
    task.state = TaskState::kBroken;
    End(JobState::kFailed);
    job_.error = task.last_error;
    if (job_.error.reason.empty()) job_.error.reason = reason;
    job_.error.message = prefix + job_.error.message;
  }

  const Job& before_;
  Job job_;
  const absl::Time now_;
  const Policy& policy_;
};

}  // namespace

absl::StatusOr<Transition> Step(const Job& job, const Event& event,
                                absl::Time now, const Policy& policy) {
  Stepper stepper(job, now, policy);
  RETURN_IF_ERROR(std::visit(stepper, event));
  return std::move(stepper).Take();
}

}  // namespace nevus::scheduler
