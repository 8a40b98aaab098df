// The life of one job (job.h) and its tasks, as a pure function. job.proto's
// comments repeat the two tables.
//
// A job:
//   PENDING --a task leased-------------------> RUNNING
//   PENDING --a dependency failed or cancelled> FAILED
//   PENDING --the last dependency succeeded---> SUCCEEDED (one without tasks)
//   RUNNING --the last task DONE--------------> SUCCEEDED
//   RUNNING --a task BROKEN, or the time is up> FAILED
//   RUNNING --a worker found the disk full----> PAUSED
//   PAUSED  --a task leased or DONE-----------> RUNNING (or SUCCEEDED: the
//   last) PAUSED  --a task BROKEN, or the time is up> FAILED PENDING, RUNNING,
//   PAUSED --cancel---------> CANCELLED FAILED, CANCELLED
//   --retry-----------------> PENDING (or SUCCEEDED: one
//                       without tasks that waits for no other)
//
// A task:
//   WAITING --leased--------------------------> LEASED
//   LEASED  --finished------------------------> DONE
//   LEASED  --failed, silent, dead, too long--> WAITING while attempts are left
//   LEASED  --the disk was full---------------> WAITING, the attempt not
//   counted LEASED  --restored from a backup----------> WAITING, the attempt
//   not counted LEASED  --failed, none left or no use-----> BROKEN WAITING,
//   LEASED --the job ends------------> DROPPED BROKEN, DROPPED
//   --retry-------------------> WAITING
//
// Nothing here reads a clock, takes a lock, logs, draws lots or does I/O. The
// shell (../shell) feeds events in, stores `next` if `store` says so, and only
// then answers. A crash between the two loses an answer, never a state: a lease
// whose answer was lost expires, a result reported twice is accepted twice.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/core/job.h"

namespace nevus::scheduler {

struct Policy {
  absl::Duration lease = absl::Seconds(10);
  // Tries of a task before its job fails, with OUT_OF_ATTEMPTS if the last
  // failure has no reason of its own.
  int max_attempts = 3;
  // Wait before the second try; doubles with each further one. Up to a fifth is
  // added, drawn from the job's seed, the task and the attempt.
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Minutes(1);
  // Between tries while the disk is full.
  absl::Duration pause = absl::Seconds(5);
};

// A worker takes task `task`.
struct Lease {
  int task = 0;
  std::string worker;
};
// The holder is alive and this far.
struct Heartbeat {
  int task = 0;
  std::string worker;
  int64_t fencing_token = 0;
  Progress progress;
};
// The holder is done (failure.code is kOk) or failed. The reason DISK_FULL
// pauses the job.
struct Finish {
  int task = 0;
  std::string worker;
  int64_t fencing_token = 0;
  Failure failure;
  std::string result;
  // Of the job's kind that are connected. A task that failed with the same code
  // and reason on each of them, and on two or more, is not tried again
  // (FAILED_EVERYWHERE if the failure has no reason of its own), unless the
  // code says nothing of the task: UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED,
  // ABORTED.
  int workers = 1;
};
// The parent of the worker's process saw it die. Its tasks fail with
// WORKER_DIED and are tried again at once.
struct WorkerDied {
  std::string worker;
  std::string how;
};
// A job that this one may wait for has ended.
struct DependencyEnded {
  std::string job;
  JobState state = JobState::kSucceeded;
};
// Somebody wants it to end.
struct Cancel {};
// Somebody wants what is unfinished to be tried again.
struct Retry {
  // Dependencies that have not succeeded by now.
  std::vector<std::string> waits_for;
};
// Time has passed: leases may have expired, limits been reached. A silent
// worker's task is tried again at once, by another one.
struct Tick {};
// The scheduler has started again: workers could not send heartbeats, so every
// lease begins anew.
struct Restart {};
// The scheduler has started from a backup: tokens given since are unknown, as
// are those of other lives that began from it, so every token makes a leap,
// also of a job that ended and can be retried; what was leased is leased again.
struct Restore {};

using Event =
    std::variant<Lease, Heartbeat, Finish, WorkerDied, DependencyEnded, Cancel,
                 Retry, Tick, Restart, Restore>;

struct Transition {
  Job next;
  // `next` must survive a crash before anybody hears of it. A longer lease need
  // not: Restart gives every holder a whole one again.
  bool store = false;
  // Which tasks differ from before, ascending.
  std::vector<int> changed_tasks;
};

// What `event` does to `job` at `now`. Same arguments, same answer.
// ABORTED (LEASE_LOST): the worker does not hold the lease.
// FAILED_PRECONDITION: the job's state does not allow it (JOB_ENDED,
// JOB_NOT_FAILED, JOB_WAITS, STAGE_WAITS, TASK_NOT_WAITING, TASK_BACKING_OFF).
// INVALID_ARGUMENT: there is no such task (TASK_UNKNOWN).
absl::StatusOr<Transition> Step(const Job& job, const Event& event,
                                absl::Time now, const Policy& policy);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_
