#include "services/scheduler/core/job_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus::scheduler {
namespace {

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

absl::Duration Backoff(int attempts, const Policy& policy) {
  absl::Duration backoff = policy.first_backoff;
  for (int i = 1; i < attempts && backoff < policy.max_backoff; ++i) {
    backoff *= 2;
  }
  return std::min(backoff, policy.max_backoff);
}

// One event on a copy of the job: `job` is what will be returned.
struct Stepper {
  Job job;
  const absl::Time now;
  const Policy& policy;

  absl::StatusOr<Transition> Done(bool store) {
    return Transition{std::move(job), store};
  }

  absl::Status CheckTask(int task) const {
    if (task >= 0 && static_cast<size_t>(task) < job.tasks.size()) {
      return absl::OkStatus();
    }
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "there is no task ", task, "; the job has ", job.tasks.size())),
        "TASK_UNKNOWN");
  }

  // A worker whose lease was lost may still speak; nothing it says may win.
  absl::Status CheckHolder(int index, const std::string& worker,
                           int64_t token) const {
    RETURN_IF_ERROR(CheckTask(index));
    const Task& task = job.tasks[index];
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

  void End(JobState state) {
    job.state = state;
    job.end_time = now;
    for (Task& task : job.tasks) {
      if (task.state == TaskState::kWaiting ||
          task.state == TaskState::kLeased) {
        task.state = TaskState::kDropped;
      }
    }
  }

  // The attempt is over without a result.
  void Fail(Task& task, Failure failure) {
    const bool permanent = IsPermanent(failure.code);
    task.last_error = std::move(failure);
    task.progress.done = 0;
    if (permanent || task.attempts >= policy.max_attempts) {
      task.state = TaskState::kBroken;
      job.error = task.last_error;
      if (!permanent) {
        job.error.message = absl::StrCat("gave up after ", task.attempts,
                                         " attempts: ", job.error.message);
      }
      End(JobState::kFailed);
      return;
    }
    task.state = TaskState::kWaiting;
    task.not_before = now + Backoff(task.attempts, policy);
  }

  absl::StatusOr<Transition> operator()(const Lease& lease) {
    RETURN_IF_ERROR(CheckTask(lease.task));
    Task& task = job.tasks[lease.task];
    if (task.state != TaskState::kWaiting) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "task ", lease.task, " is ", Name(task.state),
                            "; only a WAITING one can be leased")),
                        "TASK_NOT_WAITING");
    }
    if (task.not_before > now) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "task ", lease.task, " backs off for another ",
                            absl::FormatDuration(task.not_before - now))),
                        "TASK_BACKING_OFF");
    }
    task.state = TaskState::kLeased;
    task.worker = lease.worker;
    ++task.attempts;
    ++task.fencing_token;
    task.lease_expiry = now + policy.lease;
    if (job.state == JobState::kPending) job.state = JobState::kRunning;
    if (job.start_time == absl::InfinitePast()) job.start_time = now;
    return Done(true);
  }

  absl::StatusOr<Transition> operator()(const Heartbeat& heartbeat) {
    RETURN_IF_ERROR(
        CheckHolder(heartbeat.task, heartbeat.worker, heartbeat.fencing_token));
    Task& task = job.tasks[heartbeat.task];
    task.lease_expiry = now + policy.lease;
    task.progress = heartbeat.progress;
    return Done(false);
  }

  absl::StatusOr<Transition> operator()(const Finish& finish) {
    RETURN_IF_ERROR(CheckTask(finish.task));
    Task& task = job.tasks[finish.task];
    // The answer to the first report was lost: say the same again.
    if (task.state == TaskState::kDone && task.worker == finish.worker &&
        task.fencing_token == finish.fencing_token &&
        finish.failure.code == absl::StatusCode::kOk) {
      return Done(false);
    }
    RETURN_IF_ERROR(
        CheckHolder(finish.task, finish.worker, finish.fencing_token));
    if (finish.failure.code != absl::StatusCode::kOk) {
      Fail(task, finish.failure);
      return Done(true);
    }
    task.state = TaskState::kDone;
    task.result = finish.result;
    task.progress.done = task.progress.total;
    if (!finish.result.empty()) job.result = finish.result;
    if (std::all_of(job.tasks.begin(), job.tasks.end(), [](const Task& other) {
          return other.state == TaskState::kDone;
        })) {
      End(JobState::kSucceeded);
    }
    return Done(true);
  }

  absl::StatusOr<Transition> operator()(const Cancel&) {
    if (job.state == JobState::kCancelled) return Done(false);
    if (HasEnded(job.state)) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "the job has ", Name(job.state),
                            "; only one that has not ended can be cancelled")),
                        "JOB_ENDED");
    }
    End(JobState::kCancelled);
    return Done(true);
  }

  absl::StatusOr<Transition> operator()(const Retry&) {
    if (job.state != JobState::kFailed && job.state != JobState::kCancelled) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "the job is ", Name(job.state),
                            "; only one that is FAILED or CANCELLED can be "
                            "tried again")),
                        "JOB_NOT_FAILED");
    }
    job.state = JobState::kPending;
    job.error = {};
    job.end_time = absl::InfinitePast();
    for (Task& task : job.tasks) {
      if (task.state == TaskState::kDone) continue;
      // The token stays: a worker of the life before must not write.
      task.state = TaskState::kWaiting;
      task.attempts = 0;
      task.not_before = absl::InfinitePast();
    }
    return Done(true);
  }

  absl::StatusOr<Transition> operator()(const Tick&) {
    bool changed = false;
    for (Task& task : job.tasks) {
      if (task.state != TaskState::kLeased || task.lease_expiry > now) continue;
      Fail(task,
           {absl::StatusCode::kUnavailable, "WORKER_SILENT",
            absl::StrCat("worker ", task.worker, " sent no heartbeat for ",
                         absl::FormatDuration(policy.lease))});
      changed = true;
    }
    return Done(changed);
  }

  absl::StatusOr<Transition> operator()(const Restart&) {
    for (Task& task : job.tasks) {
      if (task.state == TaskState::kLeased) {
        task.lease_expiry = now + policy.lease;
      }
    }
    return Done(false);
  }
};

}  // namespace

const char* Name(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "PENDING";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kSucceeded:
      return "SUCCEEDED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  return "?";
}

const char* Name(TaskState state) {
  switch (state) {
    case TaskState::kWaiting:
      return "WAITING";
    case TaskState::kLeased:
      return "LEASED";
    case TaskState::kDone:
      return "DONE";
    case TaskState::kBroken:
      return "BROKEN";
    case TaskState::kDropped:
      return "DROPPED";
  }
  return "?";
}

bool HasEnded(JobState state) {
  return state == JobState::kSucceeded || state == JobState::kFailed ||
         state == JobState::kCancelled;
}

absl::StatusOr<Transition> Step(const Job& job, const Event& event,
                                absl::Time now, const Policy& policy) {
  return std::visit(Stepper{job, now, policy}, event);
}

Job NewJob(int tasks, absl::Time now) {
  Job job;
  job.tasks.resize(tasks);
  if (tasks == 0) {
    job.state = JobState::kSucceeded;
    job.end_time = now;
  }
  return job;
}

int FindLeasable(const Job& job, absl::Time now) {
  if (HasEnded(job.state)) return -1;
  for (size_t i = 0; i < job.tasks.size(); ++i) {
    const Task& task = job.tasks[i];
    if (task.state == TaskState::kWaiting && task.not_before <= now) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

absl::Time NextExpiry(const Job& job) {
  absl::Time next = absl::InfiniteFuture();
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kLeased) {
      next = std::min(next, task.lease_expiry);
    }
  }
  return next;
}

Progress TotalProgress(const Job& job) {
  Progress total;
  for (const Task& task : job.tasks) {
    total.done += task.progress.done;
    total.total += task.progress.total;
    if (!task.progress.unit.empty()) total.unit = task.progress.unit;
    if (!task.progress.message.empty()) total.message = task.progress.message;
  }
  return total;
}

}  // namespace nevus::scheduler
