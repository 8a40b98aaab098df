// Which job's task is leased next, over all jobs: an index, pure as the rest of
// core. It holds no job, only where each stands; the shell tells it after every
// step. Each call costs O(log jobs).
//
// The order of service: a job's rank is the time it was submitted less a minute
// for each point of its priority; the smallest rank comes first. So equal
// priorities are served in order of submission, and a job is overtaken only by
// those of higher priority that come within as many minutes as the priorities
// differ: none starves, and no rank ever changes (aging without a clock).
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus::scheduler {

constexpr absl::Duration kPriorityPoint = absl::Minutes(1);
constexpr int kMaxPriority = 100;  // and the least is its negative

absl::Time Rank(absl::Time submitted, int priority);

// Thread-compatible.
class JobQueue {
 public:
  // A job's number in order of submission: ties of rank are served in it.
  using Number = int64_t;

  // At most this many jobs of `kind` that have begun and not ended; 0 or less:
  // no limit, which is the default.
  void SetLimit(int kind, int max_running);

  // Says where a job stands, at its submission and after each step. Ended jobs
  // are forgotten.
  void Update(Number number, int kind, absl::Time rank, const Job& job);
  void Erase(Number number);

  // Jobs of `kind` with a task that can be leased at `now`, in order of service,
  // begun ones only if the limit is reached: calls `visit` until it returns
  // false. The first is usually taken; see FindLeasable for the exception.
  template <typename Visit>
  void VisitLeasable(int kind, absl::Time now, const Visit& visit);

  // Jobs whose NextDeadline has come by `now`.
  std::vector<Number> Due(absl::Time now) const;
  // When the first of `kind` that now backs off can be leased; InfiniteFuture
  // if none does.
  absl::Time NextWake(int kind) const;

  // Unfinished jobs of its kind before it, in order of service. O(jobs).
  int64_t Ahead(Number number) const;
  // Jobs of a kind that have begun and not ended, and the limit (0: none).
  int64_t Running(int kind) const;
  int Limit(int kind) const;
  // Unfinished jobs of all kinds.
  int64_t size() const;
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_
