#include "services/scheduler/core/waiting_reason.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nevus::scheduler {
namespace {

std::string TriesAgainIn(absl::Duration left) {
  return absl::StrCat("tries again in ",
                      absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))));
}

WaitingReason OnTheDisk(const Job& job, absl::Time now,
                        const QueueFacts& facts) {
  const absl::Time until = PausedUntil(job);
  return {"DISK_FULL",
          absl::StrCat(job.error.message, "; free some space. The job ",
                       until > now
                           ? TriesAgainIn(until - now)
                           : absl::StrCat("tries again when a worker is free (",
                                          facts.workers, " connected)"))};
}

// What the next task to be tried failed with.
WaitingReason BackingOff(const Job& job, absl::Time now, absl::Time next) {
  std::string message = TriesAgainIn(next - now);
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kWaiting && task.not_before == next &&
        !task.last_error.message.empty()) {
      absl::StrAppend(&message, " after: ", task.last_error.message);
      break;
    }
  }
  return {"BACKING_OFF", message};
}

}  // namespace

WaitingReason WhyWaiting(const Job& job, absl::Time now,
                         const QueueFacts& facts) {
  if (HasEnded(job.state)) return {};
  if (!job.waits_for.empty()) {
    return {"WAITING_FOR_DEPENDENCY",
            absl::StrCat("begins when ", absl::StrJoin(job.waits_for, ", "),
                         job.waits_for.size() == 1 ? " has" : " have",
                         " SUCCEEDED")};
  }
  if (job.state == JobState::kPaused) return OnTheDisk(job, now, facts);
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kLeased) return {};
  }
  if (const absl::Time next = NextLeasable(job); next > now) {
    return BackingOff(job, now, next);
  }
  if (facts.workers == 0) {
    return {
        "WAITING_FOR_WORKER",
        absl::StrCat("no ", facts.kind,
                     " worker is connected; start one with nevusd --workers ",
                     facts.kind, "=1")};
  }
  if (job.state == JobState::kPending && facts.limit > 0 &&
      facts.running >= facts.limit) {
    return {"KIND_LIMIT",
            absl::StrCat(
                facts.running, " ", facts.kind,
                " job(s) have begun, and the limit is ", facts.limit,
                "; this one begins when one of them ends. To run more, start "
                "nevusd with a larger --max_running ",
                facts.kind, "=N")};
  }
  if (facts.jobs_ahead > 0) {
    return {"BEHIND_JOBS", absl::StrCat(facts.jobs_ahead, " ", facts.kind,
                                        " job(s) come first, on ",
                                        facts.workers, " worker(s)")};
  }
  return {"WORKERS_BUSY",
          absl::StrCat("the ", facts.workers, " ", facts.kind,
                       " worker(s) connected are busy or about to take it")};
}

}  // namespace nevus::scheduler
