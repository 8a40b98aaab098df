// A job and its tasks as they stand, and what can be read off them. What
// happens to them is in job_machine.h. Plain data: no clock, lock, I/O or
// proto.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
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

// A new job of `tasks` tasks; one without tasks has SUCCEEDED at `now` unless
// it waits for others, with the last of which it succeeds.
Job NewJob(int tasks, absl::Time now, std::vector<std::string> waits_for = {});

// The first task that `worker` may lease at `now`, or -1. Tasks that failed on
// it are left to others while `other_workers` of the kind are connected that
// have not failed them.
int FindLeasable(const Job& job, absl::Time now, const std::string& worker,
                 int other_workers);

// When a task may first be leased: InfinitePast if one may at any time,
// InfiniteFuture if none will without another event.
absl::Time NextLeasable(const Job& job);
// The lowest stage that is not DONE: tasks of higher ones are not leased.
int CurrentStage(const Job& job);
// Until when no task of a PAUSED job is leased; InfinitePast for others.
absl::Time PausedUntil(const Job& job);

// When a limit is reached; InfiniteFuture if there is none, or nothing began.
absl::Time JobDeadline(const Job& job);
absl::Time AttemptDeadline(const Job& job, const Task& task);
// When Tick will next do something: a lease expires or a limit is reached.
absl::Time NextDeadline(const Job& job);

// Over all tasks: units done and in all; the newest message.
Progress TotalProgress(const Job& job);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_H_
