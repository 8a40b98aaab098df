// Why a job waits, in a code and a sentence one can act on. Pure.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/scheduler/core/job.h"

namespace nevus::scheduler {

// What the job alone does not know. JobQueue tells the last three.
struct QueueFacts {
  std::string kind;        // of worker: "extraction"
  int workers = 0;         // of that kind that were heard of lately
  int64_t jobs_ahead = 0;  // unfinished ones of that kind that come first
  int64_t running = 0;     // jobs of that kind that have begun and not ended
  int limit = 0;           // the most that may; 0: no limit
};

struct WaitingReason {
  // WAITING_FOR_DEPENDENCY, DISK_FULL, BACKING_OFF, WAITING_FOR_WORKER,
  // KIND_LIMIT, BEHIND_JOBS, WORKERS_BUSY, or "": of those that hold, the
  // first.
  std::string code;
  std::string message;  // "" with code ""
};

// The reason while a task of `job` waits and none is leased, and while it is
// PAUSED; else empty.
WaitingReason WhyWaiting(const Job& job, absl::Time now,
                         const QueueFacts& facts);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_WAITING_REASON_H_
