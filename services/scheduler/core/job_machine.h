// The life of one job and its tasks, as a pure function. job.proto's comments
// repeat the two tables.
//
// A job:
//   PENDING --a task leased-------------------> RUNNING
//   PENDING --a dependency failed or cancelled> FAILED
//   RUNNING --the last task DONE--------------> SUCCEEDED
//   RUNNING --a task BROKEN, or the time is up> FAILED
//   RUNNING --a worker found the disk full----> PAUSED
//   PAUSED  --a task leased or DONE-----------> RUNNING (or SUCCEEDED: the last)
//   PAUSED  --a task BROKEN, or the time is up> FAILED
//   PENDING, RUNNING, PAUSED --cancel---------> CANCELLED
//   FAILED, CANCELLED --retry-----------------> PENDING
//
// A task:
//   WAITING --leased--------------------------> LEASED
//   LEASED  --finished------------------------> DONE
//   LEASED  --failed, silent, dead, too long--> WAITING while attempts are left
//   LEASED  --the disk was full---------------> WAITING, the attempt not counted
//   LEASED  --failed, none left or no use-----> BROKEN
//   WAITING, LEASED --the job ends------------> DROPPED
//   BROKEN, DROPPED --retry-------------------> WAITING
//
// Nothing here reads a clock, takes a lock, logs, draws lots or does I/O. The
// shell (../shell) feeds events in, stores `next` if `store` says so, and only
// then answers. A crash between the two loses an answer, never a state: a lease
// whose answer was lost expires, a result reported twice is accepted twice.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nevus::scheduler {

enum class JobState {
  kPending,
  kRunning,
  kPaused,
  kSucceeded,
  kFailed,
  kCancelled
};
enum class TaskState { kWaiting, kLeased, kDone, kBroken, kDropped };

const char* Name(JobState state);
const char* Name(TaskState state);
// SUCCEEDED, FAILED or CANCELLED.
bool HasEnded(JobState state);

// Why an attempt failed.
struct Failure {
  absl::StatusCode code = absl::StatusCode::kOk;
  std::string reason;   // stable, "" if there is none
  std::string message;  // a sentence
};

struct Progress {
  int64_t done = 0;
  int64_t total = 0;
  std::string unit;
  std::string message;
  std::vector<std::pair<std::string, double>> metrics;
};

struct Task {
  TaskState state = TaskState::kWaiting;
  int stage = 0;              // leased when all of lower stages are DONE
  int attempts = 0;           // tries begun that count
  int64_t fencing_token = 0;  // grows with every lease
  std::string worker;         // who has it, or had it last
  absl::Time attempt_start = absl::InfinitePast();
  absl::Time lease_expiry = absl::InfinitePast();
  absl::Time not_before = absl::InfinitePast();
  Progress progress;
  Failure last_error;
  // Who failed it with last_error's code and reason, each once.
  std::vector<std::string> failed_workers;
  std::string result;
};

struct Job {
  JobState state = JobState::kPending;
  // Ids of jobs that have to succeed before a task is leased.
  std::vector<std::string> waits_for;
  std::vector<Task> tasks;
  absl::Duration time_limit = absl::InfiniteDuration();
  absl::Duration attempt_time_limit = absl::InfiniteDuration();
  // Spreads the back-offs of jobs that failed together.
  uint64_t jitter_seed = 0;
  absl::Time start_time = absl::InfinitePast();  // of the first lease
  absl::Time end_time = absl::InfinitePast();
  Failure error;       // for FAILED; for PAUSED what the disk said
  std::string result;  // for SUCCEEDED: that of the last task with one
};

struct Policy {
  absl::Duration lease = absl::Seconds(10);
  // Tries of a task before its job fails.
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
  // Of the job's kind that are connected. A task that failed with the same
  // reason on each of them, and on two or more, is not tried again.
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
// The scheduler has started from a backup: tokens given since are unknown, so
// every token makes a leap; what was leased is leased again.
struct Restore {};

using Event = std::variant<Lease, Heartbeat, Finish, WorkerDied,
                           DependencyEnded, Cancel, Retry, Tick, Restart,
                           Restore>;

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
// JOB_NOT_FAILED, JOB_WAITS, TASK_NOT_WAITING, TASK_BACKING_OFF).
// INVALID_ARGUMENT: there is no such task (TASK_UNKNOWN).
absl::StatusOr<Transition> Step(const Job& job, const Event& event,
                                absl::Time now, const Policy& policy);

// A new job of `tasks` tasks; one without tasks has SUCCEEDED at `now` unless
// it waits for others, with the last of which it succeeds.
Job NewJob(int tasks, absl::Time now,
           std::vector<std::string> waits_for = {});

// The first task that `worker` may lease at `now`, or -1. Tasks that failed on
// it are left to others while `other_workers` of the kind are connected that
// have not failed them.
int FindLeasable(const Job& job, absl::Time now, const std::string& worker,
                 int other_workers);

// When a task may first be leased: InfinitePast if one may now, InfiniteFuture
// if none will without another event.
absl::Time NextLeasable(const Job& job);

// When Tick will next do something: a lease expires or a limit is reached.
absl::Time NextDeadline(const Job& job);

// Over all tasks: units done and in all; the newest message.
Progress TotalProgress(const Job& job);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_
