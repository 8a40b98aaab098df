#include "services/scheduler/core/waiting_reason.h"

#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

Job Failed(const char* message, absl::Duration not_before) {
  Job job = NewJob(2, kNow);
  job.state = JobState::kRunning;
  job.tasks[0].state = TaskState::kDone;
  job.tasks[1].not_before = kNow + not_before;
  job.tasks[1].last_error = {absl::StatusCode::kUnavailable, "", message};
  return job;
}

Job Paused(absl::Duration pause) {
  Job job = Failed("the disk of extraction is full", pause);
  job.state = JobState::kPaused;
  job.tasks[1].last_error.reason = "DISK_FULL";
  job.error = job.tasks[1].last_error;
  return job;
}

TEST(WhyWaitingTest, EachReasonIsACodeAndASentenceOneCanActOn) {
  const struct {
    const char* what;
    Job job;
    QueueFacts facts;
    const char* code;
    const char* message;
  } kCases[] = {
      {"one dependency",
       NewJob(1, kNow, {"j-1"}),
       {"training", 1, 5, 0, 0},
       "WAITING_FOR_DEPENDENCY",
       "begins when j-1 has SUCCEEDED"},
      {"two dependencies and no task",
       NewJob(0, kNow, {"j-1", "j-2"}),
       {"training", 1, 5, 0, 0},
       "WAITING_FOR_DEPENDENCY",
       "begins when j-1, j-2 have SUCCEEDED"},
      {"no worker, whatever else holds",
       NewJob(1, kNow),
       {"extraction", 0, 5, 2, 2},
       "WAITING_FOR_WORKER",
       "no extraction worker is connected; start one with nevusd --workers "
       "extraction=1"},
      {"the limit",
       NewJob(1, kNow),
       {"training", 3, 2, 2, 2},
       "KIND_LIMIT",
       "2 training job(s) have begun, and the limit is 2; this one begins when "
       "one of them ends. To run more, start nevusd with a larger "
       "--max_running training=N"},
      {"the limit does not hold back what has begun",
       Failed("x", absl::ZeroDuration()),
       {"training", 3, 0, 2, 2},
       "WORKERS_BUSY",
       "the 3 training worker(s) connected are busy or about to take it"},
      {"jobs ahead",
       NewJob(1, kNow),
       {"training", 3, 2, 1, 2},
       "BEHIND_JOBS",
       "2 training job(s) come first, on 3 worker(s)"},
      {"nothing in the way",
       NewJob(1, kNow),
       {"training", 1, 0, 0, 0},
       "WORKERS_BUSY",
       "the 1 training worker(s) connected are busy or about to take it"},
      {"backing off",
       Failed("disk on fire", absl::Milliseconds(1500)),
       {"training", 0, 0, 1, 0},
       "BACKING_OFF",
       "tries again in 2s after: disk on fire"},
      {"paused",
       Paused(absl::Seconds(4)),
       {"training", 1, 0, 1, 0},
       "DISK_FULL",
       "the disk of extraction is full; free some space. The job tries again "
       "in "
       "4s"},
      {"paused, and it is time",
       Paused(absl::ZeroDuration()),
       {"training", 0, 0, 1, 0},
       "DISK_FULL",
       "the disk of extraction is full; free some space. The job tries again "
       "when a worker is free (0 connected)"},
  };
  for (const auto& [what, job, facts, code, message] : kCases) {
    const WaitingReason reason = WhyWaiting(job, kNow, facts);
    EXPECT_EQ(reason.code, code) << what;
    EXPECT_EQ(reason.message, message) << what;
  }
}

TEST(WhyWaitingTest, ItBacksOffUntilTheFirstOfItsTasksAndTellsThatOnesError) {
  Job job = Failed("late", absl::Seconds(9));
  job.tasks.push_back(job.tasks[1]);
  job.tasks[2].not_before = kNow + absl::Seconds(3);
  job.tasks[2].last_error.message = "early";
  EXPECT_EQ(WhyWaiting(job, kNow, {}).message,
            "tries again in 3s after: early");
  // What is of a later stage does not matter.
  job.tasks[2].stage = 1;
  EXPECT_EQ(WhyWaiting(job, kNow, {}).message, "tries again in 9s after: late");
}

TEST(WhyWaitingTest, AJobThatRunsOrEndedDoesNotWait) {
  EXPECT_EQ(WhyWaiting(NewJob(0, kNow), kNow, {}).code, "");
  Job job = NewJob(2, kNow);
  job.state = JobState::kRunning;
  job.tasks[1].state = TaskState::kLeased;
  EXPECT_EQ(WhyWaiting(job, kNow, {}).code, "");
}

}  // namespace
}  // namespace nevus::scheduler
