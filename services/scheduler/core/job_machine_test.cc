#include "services/scheduler/core/job_machine.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

using absl::StatusCode;

const absl::Time kStart = absl::FromUnixSeconds(0);

// Histories are told in testdata/*.txt (transcript_test.cc), random ones in
// random_model_test.cc. Here: what holds of all of them.

Job InState(JobState job_state, TaskState task_state) {
  Job job = NewJob(1, kStart);
  job.state = job_state;
  Task& task = job.tasks[0];
  task.state = task_state;
  if (job_state == JobState::kPending) return job;
  task.attempts = 1;
  task.fencing_token = 1;
  task.worker = "w1";
  task.attempt_start = kStart;
  task.lease_expiry = kStart + absl::Seconds(10);
  job.start_time = kStart;
  return job;
}

Job Waiting() {
  Job job = InState(JobState::kPending, TaskState::kWaiting);
  job.waits_for = {"j-1"};
  return job;
}

// Every (state, event) pair that can be: the drawing above job_machine.h,
// spelled out. "-" means refused or nothing to store.
TEST(JobMachineTest, EveryStateAnswersEveryEventAsDrawn) {
  struct Row {
    Job job;
    const char* lease;
    const char* done;
    const char* fail;       // another try may help
    const char* permanent;  // none can
    const char* disk_full;
    const char* died;
    const char* dependency_succeeded;
    const char* dependency_failed;
    const char* cancel;
    const char* retry;
    const char* tick;  // long after
    const char* heartbeat;
    const char* restart;
    const char* restore;
  };
  const char* const kDropped = "CANCELLED/DROPPED";
  const char* const kAgain = "PENDING/WAITING";
  const char* const kBroken = "FAILED/BROKEN";
  const Row kTable[] = {
      {Waiting(), "-", "-", "-", "-", "-", "-", kAgain, "FAILED/DROPPED",
       kDropped, "-", "-", "-", "-", kAgain},
      {InState(JobState::kPending, TaskState::kWaiting), "RUNNING/LEASED", "-",
       "-", "-", "-", "-", "-", "-", kDropped, "-", "-", "-", "-", kAgain},
      {InState(JobState::kRunning, TaskState::kWaiting), "RUNNING/LEASED", "-",
       "-", "-", "-", "-", "-", "-", kDropped, "-", "-", "-", "-",
       "RUNNING/WAITING"},
      {InState(JobState::kRunning, TaskState::kLeased), "-", "SUCCEEDED/DONE",
       "RUNNING/WAITING", kBroken, "PAUSED/WAITING", "RUNNING/WAITING", "-",
       "-", kDropped, "-", "RUNNING/WAITING", "RUNNING/LEASED", "-",
       "RUNNING/WAITING"},
      {InState(JobState::kPaused, TaskState::kWaiting), "RUNNING/LEASED", "-",
       "-", "-", "-", "-", "-", "-", kDropped, "-", "-", "-", "-",
       "PAUSED/WAITING"},
      {InState(JobState::kSucceeded, TaskState::kDone), "-", "-", "-", "-", "-",
       "-", "-", "-", "-", "-", "-", "-", "-", "-"},
      {InState(JobState::kFailed, TaskState::kBroken), "-", "-", "-", "-", "-",
       "-", "-", "-", "-", kAgain, "-", "-", "-", kBroken},
      {InState(JobState::kFailed, TaskState::kDropped), "-", "-", "-", "-", "-",
       "-", "-", "-", "-", kAgain, "-", "-", "-", "FAILED/DROPPED"},
      {InState(JobState::kCancelled, TaskState::kDropped), "-", "-", "-", "-",
       "-", "-", "-", "-", "-", kAgain, "-", "-", "-", kDropped},
  };
  for (const Row& row : kTable) {
    const std::pair<Event, const char*> cases[] = {
        {Lease{0, "w2"}, row.lease},
        {Finish{0, "w1", 1, {}, "r"}, row.done},
        {Finish{0, "w1", 1, {StatusCode::kInternal, "", "x"}, ""}, row.fail},
        {Finish{0, "w1", 1, {StatusCode::kDataLoss, "", "x"}, ""},
         row.permanent},
        {Finish{0, "w1", 1, {StatusCode::kInternal, "DISK_FULL", "x"}, ""},
         row.disk_full},
        {WorkerDied{"w1", "shot"}, row.died},
        {DependencyEnded{"j-1", JobState::kSucceeded},
         row.dependency_succeeded},
        {DependencyEnded{"j-1", JobState::kFailed}, row.dependency_failed},
        {Cancel{}, row.cancel},
        {Retry{}, row.retry},
        {Tick{}, row.tick},
        {Heartbeat{0, "w1", 1, {1, 2, "", "", {}}}, row.heartbeat},
        {Restart{}, row.restart},
        {Restore{}, row.restore}};
    int column = 0;
    for (const auto& [event, expected] : cases) {
      SCOPED_TRACE(std::string(Name(row.job.state)) + "/" +
                   Name(row.job.tasks[0].state) + " column " +
                   std::to_string(column++));
      const auto step =
          Step(row.job, event, kStart + absl::Seconds(60), Policy());
      const std::string after = step.ok() && step->store
                                    ? std::string(Name(step->next.state)) +
                                          "/" + Name(step->next.tasks[0].state)
                                    : "-";
      EXPECT_EQ(after, expected);
    }
  }
}

TEST(JobMachineTest, EachRefusalHasItsReason) {
  Job staged = NewJob(2, kStart);
  staged.tasks[1].stage = 1;
  Job backing_off = InState(JobState::kRunning, TaskState::kWaiting);
  backing_off.tasks[0].not_before = kStart + absl::Seconds(1);
  const Job running = InState(JobState::kRunning, TaskState::kLeased);
  const Job succeeded = InState(JobState::kSucceeded, TaskState::kDone);
  const struct {
    Job job;
    Event event;
    StatusCode code;
    const char* reason;
  } kCases[] = {
      {staged, Lease{2, "w"}, StatusCode::kInvalidArgument, "TASK_UNKNOWN"},
      {staged, Lease{-1, "w"}, StatusCode::kInvalidArgument, "TASK_UNKNOWN"},
      {staged, Lease{1, "w"}, StatusCode::kFailedPrecondition, "STAGE_WAITS"},
      {Waiting(), Lease{0, "w"}, StatusCode::kFailedPrecondition, "JOB_WAITS"},
      {backing_off, Lease{0, "w"}, StatusCode::kFailedPrecondition,
       "TASK_BACKING_OFF"},
      {running, Lease{0, "w"}, StatusCode::kFailedPrecondition,
       "TASK_NOT_WAITING"},
      {running, Heartbeat{0, "w2", 1, {}}, StatusCode::kAborted, "LEASE_LOST"},
      {running, Heartbeat{0, "w1", 2, {}}, StatusCode::kAborted, "LEASE_LOST"},
      {running, Retry{}, StatusCode::kFailedPrecondition, "JOB_NOT_FAILED"},
      {succeeded, Finish{0, "w2", 1, {}, ""}, StatusCode::kAborted,
       "LEASE_LOST"},
      {succeeded, Cancel{}, StatusCode::kFailedPrecondition, "JOB_ENDED"},
  };
  for (const auto& [job, event, code, reason] : kCases) {
    const auto step = Step(job, event, kStart, Policy());
    EXPECT_EQ(step.status().code(), code) << reason;
    EXPECT_EQ(ReasonOf(step.status()), reason);
  }
}

TEST(JobMachineTest, AnErrorKeepsItsReasonAndGetsOneIfItHasNone) {
  const Job job = InState(JobState::kRunning, TaskState::kLeased);
  Policy once;
  once.max_attempts = 1;
  const struct {
    Failure failure;
    int workers;
    Policy policy;
    const char* reason;
    const char* message;
  } kCases[] = {
      {{StatusCode::kInvalidArgument, "R", "bad"}, 1, Policy(), "R", "bad"},
      {{StatusCode::kInvalidArgument, "", "bad"}, 1, Policy(), "", "bad"},
      {{StatusCode::kInternal, "R", "bad"},
       1,
       once,
       "R",
       "gave up after 1 attempts: bad"},
      {{StatusCode::kInternal, "", "bad"},
       1,
       once,
       "OUT_OF_ATTEMPTS",
       "gave up after 1 attempts: bad"},
  };
  for (const auto& [failure, workers, policy, reason, message] : kCases) {
    const auto step =
        Step(job, Finish{0, "w1", 1, failure, "", workers}, kStart, policy);
    ASSERT_THAT(step, IsOk());
    EXPECT_EQ(step->next.state, JobState::kFailed);
    EXPECT_EQ(step->next.error.code, failure.code);
    EXPECT_EQ(step->next.error.reason, reason);
    EXPECT_EQ(step->next.error.message, message);
  }
}

TEST(JobMachineTest, OnlyALongerLeaseNeedNotBeStored) {
  const Job job = InState(JobState::kRunning, TaskState::kLeased);
  const auto beat = [&job](const Progress& progress) {
    return Step(job, Heartbeat{0, "w1", 1, progress}, kStart, Policy()).value();
  };
  EXPECT_FALSE(beat({}).store);
  EXPECT_EQ(beat({}).changed_tasks, std::vector<int>{}) << "nothing moved";
  const auto later =
      Step(job, Heartbeat{0, "w1", 1, {}}, kStart + absl::Seconds(1), Policy());
  EXPECT_FALSE(later->store);
  EXPECT_EQ(later->changed_tasks, std::vector<int>{0});
  EXPECT_TRUE(beat({1, 0, "", "", {}}).store);
  EXPECT_TRUE(beat({0, 0, "", "epoch 2 is the best", {}}).store);
  EXPECT_TRUE(beat({0, 0, "", "", {{"validation_auc", 0.5}}}).store);
}

TEST(JobMachineTest, TheTasksThatDifferAreNamed) {
  Job job = NewJob(4, kStart);
  job.state = JobState::kRunning;
  job.tasks[0].state = TaskState::kDone;
  for (int i : {1, 3}) {
    job.tasks[i].state = TaskState::kLeased;
    job.tasks[i].worker = "w1";
  }
  EXPECT_EQ(
      Step(job, WorkerDied{"w1", "shot"}, kStart, Policy())->changed_tasks,
      (std::vector<int>{1, 3}));
  EXPECT_EQ(Step(job, Cancel{}, kStart, Policy())->changed_tasks,
            (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(Step(job, Lease{2, "w2"}, kStart, Policy())->changed_tasks,
            std::vector<int>{2});
}

TEST(JobMachineTest, BackOffDoublesAndSpreadsByAFifthTheSameEachTime) {
  const Policy policy;
  std::set<absl::Duration> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (int attempts = 1; attempts <= 12; ++attempts) {
      Job job = InState(JobState::kRunning, TaskState::kLeased);
      job.jitter_seed = seed;
      job.tasks[0].attempts = attempts;
      Policy many = policy;
      many.max_attempts = 100;
      const Finish failed{0, "w1", 1, {StatusCode::kInternal, "", "x"}, ""};
      const auto step = Step(job, failed, kStart, many);
      ASSERT_THAT(step, IsOk());
      const absl::Duration wait = step->next.tasks[0].not_before - kStart;
      const absl::Duration base =
          attempts <= 6 ? absl::Seconds(1 << (attempts - 1)) : absl::Minutes(1);
      EXPECT_GE(wait, base);
      EXPECT_LE(wait, base * 1.2);
      EXPECT_EQ(
          wait,
          Step(job, failed, kStart, many)->next.tasks[0].not_before - kStart);
      if (attempts == 1) seen.insert(wait);
    }
  }
  EXPECT_GT(seen.size(), 20u) << "jobs that failed together come back together";
}

TEST(JobMachineTest, TheDeadlineIsTheFirstOfLeasesAndLimits) {
  Job job = InState(JobState::kPending, TaskState::kWaiting);
  job.time_limit = absl::Minutes(1);
  EXPECT_EQ(NextDeadline(job), absl::InfiniteFuture()) << "nothing has begun";
  job = InState(JobState::kRunning, TaskState::kLeased);
  EXPECT_EQ(NextDeadline(job), kStart + absl::Seconds(10));
  job.attempt_time_limit = absl::Seconds(9);
  EXPECT_EQ(NextDeadline(job), kStart + absl::Seconds(9));
  job.time_limit = absl::Seconds(8);
  EXPECT_EQ(NextDeadline(job), kStart + absl::Seconds(8));
  job.state = JobState::kCancelled;
  EXPECT_EQ(NextDeadline(job), absl::InfiniteFuture());
}

TEST(JobMachineTest, TheNextLeaseIsWhenTheFirstTaskOfTheStageMayBegin) {
  Job job = NewJob(2, kStart);
  EXPECT_EQ(NextLeasable(job), absl::InfinitePast());
  job.tasks[0].not_before = kStart + absl::Seconds(5);
  job.tasks[1].stage = 1;
  EXPECT_EQ(NextLeasable(job), kStart + absl::Seconds(5));
  job.tasks[0].state = TaskState::kLeased;
  EXPECT_EQ(NextLeasable(job), absl::InfiniteFuture());
  job.tasks[0].state = TaskState::kDone;
  EXPECT_EQ(NextLeasable(job), absl::InfinitePast());
  job.waits_for = {"j-1"};
  EXPECT_EQ(NextLeasable(job), absl::InfiniteFuture());
}

TEST(JobMachineTest, ProgressIsTheSumAndTheNewestWord) {
  Job job = NewJob(3, kStart);
  job.tasks[0].progress = {256, 256, "images", "", {}};
  job.tasks[1].progress = {10, 256, "images", "slow disk", {}};
  const Progress total = TotalProgress(job);
  EXPECT_EQ(total.done, 266);
  EXPECT_EQ(total.total, 512);
  EXPECT_EQ(total.unit, "images");
  EXPECT_EQ(total.message, "slow disk");
}

TEST(JobMachineTest, ProgressOfUnlikeTasksCountsTasks) {
  Job job = NewJob(3, kStart);
  job.tasks[0].state = job.tasks[1].state = TaskState::kDone;
  job.tasks[0].progress = {100, 100, "epochs", "", {}};
  job.tasks[1].progress = {46, 100, "epochs", "", {}};
  job.tasks[2].progress = {1, 2, "candidates", "", {}};
  const Progress total = TotalProgress(job);
  EXPECT_EQ(total.done, 2);
  EXPECT_EQ(total.total, 3);
  EXPECT_EQ(total.unit, "tasks");
}

TEST(JobMachineTest, AJobWithoutTasksHasSucceededUnlessItWaits) {
  EXPECT_EQ(NewJob(0, kStart).state, JobState::kSucceeded);
  EXPECT_EQ(NewJob(0, kStart, {"j-1"}).state, JobState::kPending);
}

}  // namespace
}  // namespace nevus::scheduler
