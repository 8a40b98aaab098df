#include "services/scheduler/core/waiting_reason.h"

#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1000);

TEST(WhyWaitingTest, NoWorkerNamesTheFlagThatStartsOne) {
  const WaitingReason reason =
      WhyWaiting(NewJob(1, kNow), kNow, {"extraction", 0, 5});
  EXPECT_EQ(reason.code, "WAITING_FOR_WORKER");
  EXPECT_NE(reason.message.find("--workers extraction=1"), std::string::npos);
}

TEST(WhyWaitingTest, JobsAheadAreCounted) {
  EXPECT_EQ(WhyWaiting(NewJob(1, kNow), kNow, {"training", 1, 2}).code,
            "BEHIND_JOBS");
  EXPECT_EQ(WhyWaiting(NewJob(1, kNow), kNow, {"training", 1, 0}).code,
            "WAITING_FOR_WORKER");
}

TEST(WhyWaitingTest, BackingOffTellsWhenAndWhatFailed) {
  Job job = NewJob(1, kNow);
  job.tasks[0].not_before = kNow + absl::Milliseconds(1500);
  job.tasks[0].last_error.message = "disk on fire";
  const WaitingReason reason = WhyWaiting(job, kNow, {"training", 1, 0});
  EXPECT_EQ(reason.code, "BACKING_OFF");
  EXPECT_EQ(reason.message, "tries again in 2s after: disk on fire");
}

TEST(WhyWaitingTest, AJobThatRunsOrEndedDoesNotWait) {
  EXPECT_EQ(WhyWaiting(NewJob(0, kNow), kNow, {"training", 0, 0}).code, "");
  Job job = NewJob(2, kNow);
  job.tasks[1].state = TaskState::kLeased;
  EXPECT_EQ(WhyWaiting(job, kNow, {"training", 1, 0}).code, "");
}

}  // namespace
}  // namespace nevus::scheduler
