// Why a job waits, in a code and a sentence one can act on. Pure.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_

#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus::scheduler {

// What the job alone does not know.
struct QueueFacts {
  std::string kind;        // of worker: "extraction"
  int workers = 0;         // of that kind that were heard of lately
  int64_t jobs_ahead = 0;  // unfinished ones of that kind that come first
};

struct WaitingReason {
  std::string code;     // BACKING_OFF, BEHIND_JOBS, WAITING_FOR_WORKER, or ""
  std::string message;  // "" with code ""
};

// The reason while a task of `job` waits and none is leased; else empty.
WaitingReason WhyWaiting(const Job& job, absl::Time now,
                         const QueueFacts& facts);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_
