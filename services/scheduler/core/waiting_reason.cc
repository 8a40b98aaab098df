#include "services/scheduler/core/waiting_reason.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace nevus::scheduler {

WaitingReason WhyWaiting(const Job& job, absl::Time now,
                         const QueueFacts& facts) {
  if (HasEnded(job.state)) return {};
  absl::Time earliest = absl::InfiniteFuture();
  std::string last_error;
  for (const Task& task : job.tasks) {
    if (task.state == TaskState::kLeased) return {};
    if (task.state == TaskState::kWaiting && task.not_before < earliest) {
      earliest = task.not_before;
      last_error = task.last_error.message;
    }
  }
  if (earliest > now) {
    return {"BACKING_OFF", absl::StrCat("tries again in ",
                                        absl::FormatDuration(absl::Ceil(
                                            earliest - now, absl::Seconds(1))),
                                        " after: ", last_error)};
  }
  if (facts.workers == 0) {
    return {
        "WAITING_FOR_WORKER",
        absl::StrCat("no ", facts.kind,
                     " worker is connected; start one with nevusd --workers ",
                     facts.kind, "=1")};
  }
  if (facts.jobs_ahead > 0) {
    return {"BEHIND_JOBS", absl::StrCat(facts.jobs_ahead, " ", facts.kind,
                                        " job(s) come first, on ",
                                        facts.workers, " worker(s)")};
  }
  return {"WAITING_FOR_WORKER",
          absl::StrCat("the ", facts.workers, " ", facts.kind,
                       " worker(s) connected are busy or about to take it")};
}

}  // namespace nevus::scheduler
