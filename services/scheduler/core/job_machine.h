// The life of one job and its tasks, as a pure function.
//
// A job:
//   PENDING --lease----> RUNNING --every task DONE--------> SUCCEEDED
//      |                    +------a task BROKEN----------> FAILED
//      +------cancel--------+-----------------------------> CANCELLED
//   FAILED or CANCELLED --retry--> PENDING
//
// A task:
//   WAITING --lease----> LEASED --finished-----------------> DONE
//      ^                    |--failed, or the lease expired
//      +---attempts left----+--none left, or no use trying-> BROKEN
//   WAITING or LEASED --the job ends without it------------> DROPPED
//   BROKEN or DROPPED --retry--> WAITING
//
// Nothing here reads a clock, takes a lock, logs or does I/O. The shell
// (../shell) feeds events in, stores `next` if `store` says so, and only then
// answers. A crash between the two loses an answer, never a state: a lease
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

namespace nevus::scheduler {

enum class JobState { kPending, kRunning, kSucceeded, kFailed, kCancelled };
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
};

struct Task {
  TaskState state = TaskState::kWaiting;
  int attempts = 0;           // tries begun
  int64_t fencing_token = 0;  // grows with every lease
  std::string worker;         // who has it, or had it last
  absl::Time lease_expiry = absl::InfinitePast();
  absl::Time not_before = absl::InfinitePast();
  Progress progress;
  Failure last_error;
  std::string result;
};

struct Job {
  JobState state = JobState::kPending;
  std::vector<Task> tasks;
  absl::Time start_time = absl::InfinitePast();  // of the first lease
  absl::Time end_time = absl::InfinitePast();
  Failure error;       // for FAILED
  std::string result;  // for SUCCEEDED: that of the last task with one
};

struct Policy {
  absl::Duration lease = absl::Seconds(10);
  // Tries of a task before its job fails.
  int max_attempts = 3;
  // Wait before the second try; doubles with each further one.
  absl::Duration first_backoff = absl::Seconds(1);
  absl::Duration max_backoff = absl::Minutes(1);
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
// The holder is done (failure.code is kOk) or failed.
struct Finish {
  int task = 0;
  std::string worker;
  int64_t fencing_token = 0;
  Failure failure;
  std::string result;
};
// Somebody wants it to end.
struct Cancel {};
// Somebody wants what is unfinished to be tried again.
struct Retry {};
// Time has passed: leases may have expired.
struct Tick {};
// The scheduler has started again: workers could not send heartbeats, so every
// lease begins anew.
struct Restart {};

using Event =
    std::variant<Lease, Heartbeat, Finish, Cancel, Retry, Tick, Restart>;

struct Transition {
  Job next;
  // `next` must survive a crash before anybody hears of it. Progress and a
  // longer lease need not: Restart gives every holder a whole lease again.
  bool store = false;
};

// What `event` does to `job` at `now`. Same arguments, same answer.
// ABORTED (LEASE_LOST): the worker does not hold the lease.
// FAILED_PRECONDITION: the job's state does not allow it (JOB_ENDED,
// JOB_NOT_FAILED, TASK_NOT_WAITING, TASK_BACKING_OFF).
// INVALID_ARGUMENT: there is no such task.
absl::StatusOr<Transition> Step(const Job& job, const Event& event,
                                absl::Time now, const Policy& policy);

// A new job of `tasks` tasks; one without tasks has SUCCEEDED at `now`.
Job NewJob(int tasks, absl::Time now);

// The first task that may be leased at `now`, or -1.
int FindLeasable(const Job& job, absl::Time now);

// When Tick will next do something: the earliest lease expiry.
absl::Time NextExpiry(const Job& job);

// Over all tasks: units done and in all; the newest message.
Progress TotalProgress(const Job& job);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_MACHINE_H_
