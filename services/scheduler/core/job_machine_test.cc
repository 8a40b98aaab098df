#include "services/scheduler/core/job_machine.h"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

using absl::StatusCode;

const absl::Time kStart = absl::FromUnixSeconds(0);

// Histories are told in testdata/*.txt (transcript_test.cc). Here: what holds
// of all of them.

Job InState(JobState job_state, TaskState task_state) {
  Job job = NewJob(1, kStart);
  job.state = job_state;
  job.tasks[0].state = task_state;
  job.tasks[0].attempts = 1;
  job.tasks[0].fencing_token = 1;
  job.tasks[0].worker = "w1";
  job.tasks[0].lease_expiry = kStart + absl::Seconds(10);
  return job;
}

// Every (state, event) pair: the table above job_machine.h's drawing, spelled
// out. "" means refused or nothing changed.
TEST(JobMachineTest, EveryStateAnswersEveryEventAsDrawn) {
  const struct {
    JobState job;
    TaskState task;
    // After: lease, finish well, finish badly, cancel, retry, late tick.
    const char* lease;
    const char* done;
    const char* fail;
    const char* cancel;
    const char* retry;
    const char* tick;
  } kTable[] = {
      {JobState::kPending, TaskState::kWaiting, "RUNNING/LEASED", "", "",
       "CANCELLED/DROPPED", "", ""},
      {JobState::kRunning, TaskState::kWaiting, "RUNNING/LEASED", "", "",
       "CANCELLED/DROPPED", "", ""},
      {JobState::kRunning, TaskState::kLeased, "", "SUCCEEDED/DONE",
       "RUNNING/WAITING", "CANCELLED/DROPPED", "", "RUNNING/WAITING"},
      {JobState::kSucceeded, TaskState::kDone, "", "", "", "", "", ""},
      {JobState::kFailed, TaskState::kBroken, "", "", "", "", "PENDING/WAITING",
       ""},
      {JobState::kCancelled, TaskState::kDropped, "", "", "", "",
       "PENDING/WAITING", ""},
  };
  const Policy policy;
  for (const auto& row : kTable) {
    const Job job = InState(row.job, row.task);
    const std::pair<Event, const char*> cases[] = {
        {Lease{0, "w2"}, row.lease},
        {Finish{0, "w1", 1, {}, "r"}, row.done},
        {Finish{0, "w1", 1, {StatusCode::kInternal, "", "x"}, ""}, row.fail},
        {Cancel{}, row.cancel},
        {Retry{}, row.retry},
        {Tick{}, row.tick}};
    int column = 0;
    for (const auto& [event, expected] : cases) {
      SCOPED_TRACE(std::string(Name(row.job)) + "/" + Name(row.task) +
                   " column " + std::to_string(column++));
      const auto step = Step(job, event, kStart + absl::Seconds(60), policy);
      const std::string after = step.ok() && step->store
                                    ? std::string(Name(step->next.state)) +
                                          "/" + Name(step->next.tasks[0].state)
                                    : "";
      EXPECT_EQ(after, expected);
    }
  }
}

TEST(JobMachineTest, AnErrorOfTheInputEndsTheJobAtOnce) {
  const Job job = InState(JobState::kRunning, TaskState::kLeased);
  const auto step = Step(
      job,
      Finish{0, "w1", 1, {StatusCode::kInvalidArgument, "R", "bad image"}, ""},
      kStart, Policy());
  ASSERT_THAT(step, IsOk());
  EXPECT_EQ(step->next.state, JobState::kFailed);
  EXPECT_EQ(step->next.error.message, "bad image");
  EXPECT_EQ(step->next.error.reason, "R");
}

TEST(JobMachineTest, AJobWithoutTasksHasSucceeded) {
  EXPECT_EQ(NewJob(0, kStart).state, JobState::kSucceeded);
}

TEST(JobMachineTest, ATaskThatIsNotThereIsRefused) {
  EXPECT_THAT(Step(NewJob(1, kStart), Lease{1, "w"}, kStart, Policy()),
              StatusIs(StatusCode::kInvalidArgument, "no task 1"));
  EXPECT_THAT(Step(NewJob(1, kStart), Lease{-1, "w"}, kStart, Policy()),
              StatusIs(StatusCode::kInvalidArgument, "no task -1"));
}

// Random workers, lost and doubled messages, silence and clock steps, against
// an oracle that only remembers who was given which token last.
TEST(JobMachineTest, NoTaskIsCommittedTwiceAndEveryJobEndsOnceFaultsStop) {
  const Policy policy;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const int tasks = 1 + random() % 4;
    Job job = NewJob(tasks, kStart);
    absl::Time now = kStart;
    std::map<int, std::pair<std::string, int64_t>> holder;
    std::set<int> committed;
    const auto apply = [&](const Event& event) {
      auto step = Step(job, event, now, policy);
      if (!step.ok()) return false;
      // Nothing a crash could lose may be shown before it is stored.
      if (!step->store) EXPECT_EQ(step->next.state, job.state);
      job = std::move(step->next);
      return true;
    };
    for (int i = 0; i < 400; ++i) {
      now += absl::Milliseconds(random() % 4000);
      const int task = random() % tasks;
      const std::string worker = "w" + std::to_string(random() % 3);
      const int64_t token = random() % 5;
      switch (random() % 8) {
        case 0:
        case 1:
          if (apply(Lease{task, worker})) {
            holder[task] = {worker, job.tasks[task].fencing_token};
            EXPECT_EQ(committed.count(task), 0u) << "leased after its commit";
          }
          break;
        case 2:
          apply(Heartbeat{task, worker, token, {}});
          break;
        case 3:
        case 4: {
          const TaskState before = job.tasks[task].state;
          if (apply(Finish{task, worker, token, {}, "r"}) &&
              before == TaskState::kLeased) {
            EXPECT_EQ(holder[task], std::make_pair(worker, token));
            EXPECT_TRUE(committed.insert(task).second) << "committed twice";
          }
          break;
        }
        case 5:
          apply(Finish{
              task, worker, token, {StatusCode::kUnavailable, "", "x"}, ""});
          break;
        case 6:
          apply(Tick{});
          break;
        case 7:
          if (random() % 8 == 0) apply(Restart{});
          if (random() % 8 == 0) apply(Retry{});
          if (random() % 50 == 0) apply(Cancel{});
          break;
      }
    }
    // Faults stop: one honest worker.
    if (job.state == JobState::kFailed || job.state == JobState::kCancelled) {
      ASSERT_TRUE(apply(Retry{}));
    }
    for (int i = 0; i < 100 && !HasEnded(job.state); ++i) {
      now += absl::Minutes(2);
      apply(Tick{});
      if (job.state == JobState::kFailed) apply(Retry{});
      const int task = FindLeasable(job, now);
      if (task < 0) continue;
      ASSERT_TRUE(apply(Lease{task, "honest"}));
      ASSERT_TRUE(apply(
          Finish{task, "honest", job.tasks[task].fencing_token, {}, "r"}));
    }
    EXPECT_EQ(job.state, JobState::kSucceeded);
  }
}

}  // namespace
}  // namespace nevus::scheduler
