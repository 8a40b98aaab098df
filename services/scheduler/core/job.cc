#include "services/scheduler/core/job.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace nevus::scheduler {
namespace {

// InfinitePast is "not begun": it has no deadline.
absl::Time Deadline(absl::Time start, absl::Duration limit) {
  return start == absl::InfinitePast() ? absl::InfiniteFuture() : start + limit;
}

}  // namespace

const char* Name(JobState state) {
  switch (state) {
    case JobState::kPending:
      return "PENDING";
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kPaused:
      return "PAUSED";
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

Job NewJob(int tasks, absl::Time now, std::vector<std::string> waits_for) {
  Job job;
  job.tasks.resize(static_cast<size_t>(tasks));
  job.waits_for = std::move(waits_for);
  if (tasks == 0 && job.waits_for.empty()) {
    job.state = JobState::kSucceeded;
    job.end_time = now;
  }
  return job;
}

int CurrentStage(const Job& job) {
  int stage = std::numeric_limits<int>::max();
  for (const Task& task : job.tasks) {
    if (task.state != TaskState::kDone) stage = std::min(stage, task.stage);
  }
  return stage;
}

absl::Time PausedUntil(const Job& job) {
  absl::Time until = absl::InfinitePast();
  if (job.state != JobState::kPaused) return until;
  // The latest: earlier ones are of pauses that were over before.
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kWaiting &&
        task.last_error.reason == "DISK_FULL") {
      until = std::max(until, task.not_before);
    }
  }
  return until;
}

int FindLeasable(const Job& job, absl::Time now, const std::string& worker,
                 int other_workers) {
  if (HasEnded(job.state) || !job.waits_for.empty() || PausedUntil(job) > now) {
    return -1;
  }
  const int stage = CurrentStage(job);
  for (size_t i = 0; i < job.tasks.size(); ++i) {
    const Task& task = job.tasks[i];
    if (task.state != TaskState::kWaiting || task.stage > stage ||
        task.not_before > now) {
      continue;
    }
    const std::vector<std::string>& failed = task.failed_workers;
    if (std::find(failed.begin(), failed.end(), worker) != failed.end() &&
        static_cast<size_t>(std::max(other_workers, 0)) >= failed.size()) {
      continue;  // one of the others has not failed it
    }
    return static_cast<int>(i);
  }
  return -1;
}

absl::Time NextLeasable(const Job& job) {
  absl::Time next = absl::InfiniteFuture();
  if (HasEnded(job.state) || !job.waits_for.empty()) return next;
  const int stage = CurrentStage(job);
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kWaiting && task.stage <= stage) {
      next = std::min(next, task.not_before);
    }
  }
  return std::max(next, PausedUntil(job));
}

absl::Time JobDeadline(const Job& job) {
  return Deadline(job.start_time, job.time_limit);
}

absl::Time AttemptDeadline(const Job& job, const Task& task) {
  return Deadline(task.attempt_start, job.attempt_time_limit);
}

absl::Time NextDeadline(const Job& job) {
  if (HasEnded(job.state)) return absl::InfiniteFuture();
  absl::Time next = JobDeadline(job);
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kLeased) {
      next = std::min({next, task.lease_expiry, AttemptDeadline(job, task)});
    }
  }
  return next;
}

Progress TotalProgress(const Job& job) {
  Progress total;
  std::set<std::string> units;
  for (const Task& task : job.tasks) {
    if (!task.progress.unit.empty()) units.insert(task.progress.unit);
    total.done += task.progress.done;
    total.total += task.progress.total;
    if (!task.progress.unit.empty()) total.unit = task.progress.unit;
    if (!task.progress.message.empty()) total.message = task.progress.message;
  }
  // Epochs and candidates do not add up: tasks do.
  if (units.size() > 1) {
    total.done = std::count_if(
        job.tasks.begin(), job.tasks.end(),
        [](const Task& task) { return task.state == TaskState::kDone; });
    total.total = static_cast<int64_t>(job.tasks.size());
    total.unit = "tasks";
  }
  return total;
}

}  // namespace nevus::scheduler
