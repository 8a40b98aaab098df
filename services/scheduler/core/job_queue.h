// Which job's task is leased next, over all jobs: an index, pure as the rest of
// core. It holds no job, only where each stands; the shell tells it after every
// step. Each call costs O(log jobs) beyond what it returns.
//
// The order of service: a job's rank is the time it was submitted less a minute
// for each point of its priority; the smallest rank comes first. So equal
// priorities are served in order of submission, and a job is overtaken only by
// those of higher priority that come within as many minutes as the priorities
// differ: none starves, and no rank ever changes (aging without a clock).
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_

#include <cstdint>
#include <ext/pb_ds/assoc_container.hpp>
#include <ext/pb_ds/tree_policy.hpp>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/job.h"

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
  // are forgotten. A job's kind and rank never change.
  void Update(Number number, int kind, absl::Time rank, const Job& job);
  void Erase(Number number);

  // Jobs of `kind` with a task that can be leased at `now`, in order of
  // service, begun ones only if the limit is reached: calls `visit` until it
  // returns false. The first is usually taken; see FindLeasable for the
  // exception. `visit` must not change the queue.
  void VisitLeasable(int kind, absl::Time now,
                     const std::function<bool(Number)>& visit);

  // Jobs whose NextDeadline has come by `now`, the longest overdue first.
  std::vector<Number> Due(absl::Time now) const;
  // When the first of `kind` that backed off at the last VisitLeasable can be
  // leased; InfiniteFuture if none did.
  absl::Time NextWake(int kind) const;

  // Unfinished jobs of its kind before it, in order of service; 0 if it is not
  // in the queue.
  int64_t Ahead(Number number) const;
  // Jobs of a kind that have begun and not ended, and the limit (0: none).
  int64_t Running(int kind) const;
  int Limit(int kind) const;
  // Unfinished jobs of all kinds.
  int64_t size() const { return static_cast<int64_t>(places_.size()); }

 private:
  // Place in the order of service.
  using Turn = std::pair<absl::Time, Number>;
  using Turns = std::set<Turn>;
  // A set that also tells how many come before one.
  using CountedTurns =
      __gnu_pbds::tree<Turn, __gnu_pbds::null_type, std::less<Turn>,
                       __gnu_pbds::rb_tree_tag,
                       __gnu_pbds::tree_order_statistics_node_update>;
  using Wakes = std::set<std::pair<absl::Time, Number>>;
  // Where a job is in the sets below.
  struct Place {
    int kind = 0;
    absl::Time rank;
    bool begun = false;
    bool ready = false;
    absl::Time wake;      // NextLeasable
    absl::Time deadline;  // NextDeadline
  };
  struct Kind {
    CountedTurns unfinished;
    // With a task to lease at the last `now`: of jobs begun, and of others.
    Turns ready_begun;
    Turns ready_fresh;
    // By a wake that is finite: those that are not ready, and those that are,
    // whom a clock that is set back sends to sleep again.
    Wakes asleep;
    Wakes woken;
    int64_t running = 0;
    int limit = 0;
  };

  static Turns& Ready(Kind& kind, const Place& place);
  void WakeUp(Kind& kind, absl::Time now);

  std::map<int, Kind> kinds_;
  std::unordered_map<Number, Place> places_;
  Wakes deadlines_;
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_QUEUE_H_
