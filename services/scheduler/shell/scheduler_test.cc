// What a scheduler does for one client and its workers, step by step.
#include "services/scheduler/shell/scheduler.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "services/scheduler/shell/scheduler_fixture.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;

class SchedulerTest : public SchedulerFixture {};

TEST_F(SchedulerTest, AJobGoesFromSubmitToSuccess) {
  const v1::Job job = Submit(ExtractJob(1));
  EXPECT_EQ(job.state(), v1::PENDING);
  EXPECT_EQ(job.reason(), "WAITING_FOR_WORKER");
  const v1::LeaseTaskResponse leased = Lease("w1");
  ASSERT_TRUE(leased.has_lease());
  EXPECT_EQ(leased.spec().extract().space(), "space");
  EXPECT_EQ(leased.lease_duration().seconds(),
            absl::ToInt64Seconds(options_.policy.lease));
  EXPECT_EQ(StateOf(job.id()), v1::RUNNING);
  EXPECT_THAT(Finish("w1", leased.lease()), IsOk());
  const v1::Job ended = Get(job.id()).value();
  EXPECT_EQ(ended.state(), v1::SUCCEEDED);
  EXPECT_EQ(ended.result(), "made");
  EXPECT_EQ(ended.progress().done(), 256);
  EXPECT_THAT(Finish("w1", leased.lease()), IsOk()) << "said once more";
}

TEST_F(SchedulerTest, IsCountedByKindAndStateWithItsOldestLease) {
  EXPECT_TRUE(scheduler_->Count().unfinished.empty());
  EXPECT_EQ(scheduler_->Count().oldest_lease, absl::ZeroDuration());
  Submit(ExtractJob(1));
  Submit(ExtractJob(1));
  const v1::LeaseTaskResponse leased = Lease("w1");
  clock_.Advance(absl::Seconds(7));
  const JobFigures figures = scheduler_->Count();
  EXPECT_THAT(figures.unfinished,
              testing::UnorderedElementsAre(
                  testing::Pair(std::make_pair("extraction", "RUNNING"), 1),
                  testing::Pair(std::make_pair("extraction", "PENDING"), 1)));
  EXPECT_EQ(figures.oldest_lease, absl::Seconds(7));
  EXPECT_THAT(Finish("w1", leased.lease()), IsOk());
  EXPECT_EQ(scheduler_->Count().oldest_lease, absl::ZeroDuration());
  EXPECT_EQ(scheduler_->Count().unfinished.size(), 1u);
}

TEST_F(SchedulerTest, NothingAcknowledgedIsLostByARestart) {
  v1::Job two = ExtractJob(2, "r1");
  two.mutable_tasks(1)->set_title("the second");
  two.set_priority(7);
  two.mutable_time_limit()->set_seconds(1000);
  const v1::Job waiting = Submit(two);
  const v1::LeaseTaskResponse leased = Lease("w1");
  const v1::Job before = Get(waiting.id()).value();
  Open();
  v1::Job after = Get(waiting.id()).value();
  after.set_reason(before.reason());
  after.set_reason_message(before.reason_message());
  EXPECT_EQ(after.DebugString(), before.DebugString());
  EXPECT_EQ(Submit(two).id(), waiting.id());
  // The worker did not notice: its lease is still good, and its spec kept.
  EXPECT_THAT(Finish("w1", leased.lease()), IsOk());
  const v1::LeaseTaskResponse second = Lease("w1");
  ASSERT_TRUE(second.has_lease());
  EXPECT_EQ(second.lease().task(), 1);
  EXPECT_EQ(second.spec().extract().space(), "space");
  EXPECT_EQ(Get(waiting.id())->tasks(1).title(), "the second");
}

TEST_F(SchedulerTest, ASilentWorkersTaskMovesOnAndItsResultIsRefused) {
  const v1::Job job = Submit(ExtractJob(1));
  const v1::Lease lost = Lease("w1").lease();
  clock_.Advance(options_.policy.lease);
  scheduler_->Tick();
  const v1::Lease taken = Lease("w2").lease();
  EXPECT_GT(taken.fencing_token(), lost.fencing_token());
  EXPECT_THAT(Finish("w1", lost),
              StatusIs(StatusCode::kAborted, "does not hold"));
  EXPECT_THAT(Finish("w2", taken), IsOk());
  EXPECT_EQ(StateOf(job.id()), v1::SUCCEEDED);
}

TEST_F(SchedulerTest, AHeartbeatKeepsTheLeaseAndBringsCancellation) {
  const v1::Job job = Submit(ExtractJob(1));
  const v1::HeartbeatRequest heartbeat = Alive("w1", Lease("w1").lease(), 7);
  clock_.Advance(options_.policy.lease - absl::Seconds(1));
  EXPECT_FALSE(scheduler_->Heartbeat(heartbeat)->cancelled());
  clock_.Advance(options_.policy.lease - absl::Seconds(1));
  scheduler_->Tick();
  EXPECT_EQ(Get(job.id())->progress().done(), 7);
  ASSERT_THAT(Cancel(job.id()), IsOk());
  EXPECT_TRUE(scheduler_->Heartbeat(heartbeat)->cancelled());
  Open();
  EXPECT_TRUE(scheduler_->Heartbeat(heartbeat)->cancelled());
}

TEST_F(SchedulerTest, AnEmptyHeartbeatLeavesWhatIsKnown) {
  const v1::Job job = Submit(ExtractJob(1));
  const v1::Lease lease = Lease("w1").lease();
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease)), IsOk());
  EXPECT_EQ(Get(job.id())->progress().total(), 256);
}

TEST_F(SchedulerTest, ServedInOrderOfSubmissionWithinAKind) {
  const v1::Job first = Submit(ExtractJob(1));
  const v1::Job second = Submit(ExtractJob(1));
  EXPECT_FALSE(
      scheduler_->LeaseTask(From("t1", v1::TRAINING), absl::ZeroDuration())
          ->has_lease());
  EXPECT_EQ(Lease("w1").lease().job(), first.id());
  EXPECT_EQ(Get(second.id())->reason(), "BEHIND_JOBS");
  EXPECT_EQ(Lease("w2").lease().job(), second.id());
}

TEST_F(SchedulerTest, AHigherPriorityComesFirstAlsoAfterARestart) {
  Submit(ExtractJob(1));
  v1::Job urgent = ExtractJob(1);
  urgent.set_priority(1);
  const std::string id = Submit(urgent).id();
  Open();
  EXPECT_EQ(Get(id)->priority(), 1);
  EXPECT_EQ(Lease("w1").lease().job(), id);
}

TEST_F(SchedulerTest, AKindsLimitHoldsBackFurtherJobs) {
  options_.max_running[v1::EXTRACTION] = 1;
  Open();
  const v1::Job first = Submit(ExtractJob(2));
  const v1::Job second = Submit(ExtractJob(1));
  EXPECT_EQ(Lease("w1").lease().job(), first.id());
  EXPECT_EQ(Lease("w2").lease().job(), first.id());
  EXPECT_FALSE(Lease("w3").has_lease());
  EXPECT_EQ(Get(second.id())->reason(), "KIND_LIMIT");
  ASSERT_THAT(Cancel(first.id()), IsOk());
  EXPECT_EQ(Lease("w3").lease().job(), second.id());
}

TEST_F(SchedulerTest, ALaterStageWaitsForTheOnesBefore) {
  v1::Job sweep = ExtractJob(2);
  sweep.mutable_tasks(1)->set_stage(1);
  Submit(sweep);
  Open();
  const v1::LeaseTaskResponse first = Lease("w1");
  EXPECT_EQ(first.lease().task(), 0);
  EXPECT_FALSE(Lease("w2").has_lease());
  ASSERT_THAT(Finish("w1", first.lease()), IsOk());
  EXPECT_EQ(Lease("w2").lease().task(), 1);
}

TEST_F(SchedulerTest, LimitsOfTimeOutliveARestart) {
  v1::Job limited = ExtractJob(1);
  limited.mutable_time_limit()->set_seconds(5);
  const std::string id = Submit(limited).id();
  Lease("w1");
  Open();
  clock_.Advance(absl::Seconds(5));
  scheduler_->Tick();
  EXPECT_EQ(StateOf(id), v1::FAILED);
  EXPECT_EQ(Get(id)->error().reason(), "JOB_TIME_LIMIT");

  v1::Job patient = ExtractJob(1);
  patient.mutable_attempt_time_limit()->set_seconds(5);
  const std::string other = Submit(patient).id();
  Lease("w1");
  Open();
  clock_.Advance(absl::Seconds(5));
  scheduler_->Tick();
  EXPECT_EQ(Get(other)->tasks(0).last_error().reason(), "ATTEMPT_TIME_LIMIT");
}

TEST_F(SchedulerTest, ADeadWorkersTasksAreLeasedAtOnce) {
  const std::string first = Submit(ExtractJob(1)).id();
  const std::string second = Submit(ExtractJob(2)).id();
  Lease("w1");
  Lease("w1");
  Lease("w2");
  v1::ReportWorkerDeathRequest request;
  EXPECT_THAT(scheduler_->ReportWorkerDeath(request),
              StatusIs(StatusCode::kInvalidArgument, "no worker"));
  request.set_worker("w1");
  request.set_how("killed by signal 9");
  EXPECT_EQ(scheduler_->ReportWorkerDeath(request)->tasks(), 2);
  EXPECT_EQ(scheduler_->ReportWorkerDeath(request)->tasks(), 0);
  EXPECT_EQ(Get(first)->tasks(0).last_error().reason(), "WORKER_DIED");
  EXPECT_EQ(Get(second)->tasks(1).state(), v1::LEASED);
  EXPECT_TRUE(Lease("w3").has_lease());
  EXPECT_TRUE(Lease("w3").has_lease());
}

TEST_F(SchedulerTest, ATaskThatFailsAlikeOnEveryWorkerEndsItsJob) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease first = Lease("w1").lease();
  EXPECT_FALSE(Lease("w2").has_lease()) << "so that two are connected";
  EXPECT_THAT(Fail("w1", first, StatusCode::kInternal, "NO_MEMORY"), IsOk());
  clock_.Advance(absl::Seconds(10));
  EXPECT_FALSE(Lease("w1").has_lease()) << "it is left to the other";
  const v1::Lease second = Lease("w2").lease();
  EXPECT_THAT(Fail("w2", second, StatusCode::kInternal, "NO_MEMORY"), IsOk());
  EXPECT_EQ(StateOf(id), v1::FAILED);
  EXPECT_EQ(Get(id)->error().reason(), "NO_MEMORY");
}

TEST_F(SchedulerTest, AWorkerWithAFullDiskPausesItsJobAcrossARestart) {
  const std::string id = Submit(ExtractJob(1)).id();
  ASSERT_THAT(Fail("w1", Lease("w1").lease(), StatusCode::kResourceExhausted,
                   "DISK_FULL"),
              IsOk());
  for (int i = 0; i < 2; ++i) {
    const v1::Job paused = Get(id).value();
    EXPECT_EQ(paused.state(), v1::PAUSED);
    EXPECT_EQ(paused.reason(), "DISK_FULL");
    EXPECT_FALSE(paused.has_error());
    Open();
  }
  clock_.Advance(options_.policy.pause);
  DoOne();
  EXPECT_EQ(StateOf(id), v1::SUCCEEDED);
}

TEST_F(SchedulerTest, ListsNewestFirstInPagesAlsoAfterARestart) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(Submit(ExtractJob(1)).id());
  DoOne();  // one of them has ended
  const std::vector<std::string> newest_first(ids.rbegin(), ids.rend());
  EXPECT_EQ(List(2), newest_first);
  Open();
  EXPECT_EQ(List(2), newest_first);
  EXPECT_EQ(List(5), newest_first);
  v1::ListJobsRequest request;
  EXPECT_EQ(scheduler_->List(request)->jobs(4).state(), v1::SUCCEEDED);
  EXPECT_EQ(scheduler_->List(request)->jobs(3).reason(), "WAITING_FOR_WORKER");
  for (const std::string bad : {"j-nonsense", "-1"}) {
    request.set_page_token(bad);
    EXPECT_THAT(scheduler_->List(request),
                StatusIs(StatusCode::kInvalidArgument, "page token"));
  }
}

TEST_F(SchedulerTest, AJobsTimeIsItsOwnWhenTheClockStandsOrGoesBack) {
  const v1::Job first = Submit(ExtractJob(1));
  clock_.Advance(absl::Seconds(-5));
  const v1::Job second = Submit(ExtractJob(1));
  EXPECT_GT(second.create_time().seconds() * 1'000'000'000 +
                second.create_time().nanos(),
            first.create_time().seconds() * 1'000'000'000 +
                first.create_time().nanos());
}

TEST_F(SchedulerTest, MistakesAreRefused) {
  EXPECT_THAT(Get("j-none"),
              StatusIs(StatusCode::kNotFound, "there is no job \"j-none\""));
  EXPECT_THAT(scheduler_->LeaseTask({}, absl::ZeroDuration()),
              StatusIs(StatusCode::kInvalidArgument, "name and its kind"));
  struct Mistake {
    std::function<void(v1::Job&)> make;
    std::string says;
  };
  const std::vector<Mistake> mistakes = {
      {[](v1::Job& job) { job.clear_kind(); }, "names no kind"},
      {[](v1::Job& job) { job.add_tasks(); }, "task 1 of the job has no spec"},
      {[](v1::Job& job) { job.set_priority(101); }, "priority is 101"},
      {[](v1::Job& job) { job.set_priority(-101); }, "priority is -101"},
      {[](v1::Job& job) { job.mutable_tasks(0)->set_stage(-1); }, "stage -1"},
      {[](v1::Job& job) {
         job.mutable_tasks(0)->set_title(std::string(201, 'x'));
       },
       "201 bytes"},
      {[](v1::Job& job) { job.set_title(std::string(1001, 'x')); }, "1001"},
      {[](v1::Job& job) { job.set_request_id(std::string(65, 'x')); }, "65"},
      {[](v1::Job& job) { job.set_request_digest("x"); }, "no SHA-256"},
      {[](v1::Job& job) { job.mutable_time_limit(); }, "time_limit is 0"},
      {[](v1::Job& job) { job.mutable_attempt_time_limit()->set_seconds(-1); },
       "attempt_time_limit is -1s"},
      {[](v1::Job& job) {
         for (int i = 0; i < 17; ++i) job.add_depends_on("j-x");
       },
       "17 others"}};
  for (const Mistake& mistake : mistakes) {
    v1::Job job = ExtractJob(1);
    mistake.make(job);
    EXPECT_THAT(scheduler_->Submit(job),
                StatusIs(StatusCode::kInvalidArgument, mistake.says));
  }
  options_.max_tasks = 1;
  Open();
  EXPECT_THAT(scheduler_->Submit(ExtractJob(2)),
              StatusIs(StatusCode::kInvalidArgument, "2 tasks"));
  EXPECT_TRUE(List().empty());
}

TEST_F(SchedulerTest, AJobWithoutTasksHasSucceeded) {
  v1::Job nothing_to_do = ExtractJob(0);
  nothing_to_do.set_result("space");
  const v1::Job done = Submit(nothing_to_do);
  EXPECT_EQ(done.state(), v1::SUCCEEDED);
  EXPECT_EQ(done.result(), "space");
  EXPECT_THAT(Cancel(done.id()),
              StatusIs(StatusCode::kFailedPrecondition, "SUCCEEDED"));
}

TEST_F(SchedulerTest, AFullQueueSaysWhenToComeBack) {
  options_.max_unfinished_jobs = 1;
  Open();
  Submit(ExtractJob(1));
  const absl::Status full = scheduler_->Submit(ExtractJob(1, "r")).status();
  EXPECT_THAT(full, StatusIs(StatusCode::kResourceExhausted, "1 unfinished"));
  EXPECT_GT(RetryDelayOf(full), absl::ZeroDuration());
  DoOne();
  EXPECT_THAT(scheduler_->Submit(ExtractJob(1, "r")), IsOk());
}

TEST_F(SchedulerTest, ADamagedSpecFailsItsJobAndHoldsUpNoOther) {
  const std::string broken = Submit(ExtractJob(1)).id();
  const std::string whole = Submit(ExtractJob(1)).id();
  engine_.Damage("spec!" + broken + "!0000000000000000000");
  EXPECT_EQ(Lease("w1").lease().job(), whole);
  const v1::Job failed = Get(broken).value();
  EXPECT_EQ(failed.state(), v1::FAILED);
  EXPECT_EQ(failed.error().code(), static_cast<int>(StatusCode::kDataLoss));
  EXPECT_THAT(failed.error().message(), HasSubstr("spec!" + broken));
}

TEST_F(SchedulerTest, EndedJobsBeyondTheNumberKeptArePruned) {
  options_.keep_jobs = 1;
  Open();
  const std::string first = Submit(ExtractJob(1)).id();
  const std::string second = Submit(ExtractJob(1)).id();
  const std::string third = Submit(ExtractJob(1)).id();
  const std::string needs_first = Submit(After({first})).id();
  DoOne();
  DoOne();
  const size_t before = engine_.rows().size();
  scheduler_->Tick();
  EXPECT_THAT(List(), ElementsAre(needs_first, third, second, first))
      << "the first is needed, the second ended last";
  DoOne();
  scheduler_->Tick();
  EXPECT_THAT(List(), ElementsAre(needs_first, third, first));
  EXPECT_THAT(Get(second), StatusIs(StatusCode::kNotFound, second));
  EXPECT_LT(engine_.rows().size(), before);
  DoOne();
  scheduler_->Tick();
  EXPECT_THAT(List(), ElementsAre(needs_first));
  Open();
  EXPECT_THAT(List(), ElementsAre(needs_first));
  // What is kept is whole.
  EXPECT_EQ(Get(needs_first)->tasks_size(), 1);
}

TEST_F(SchedulerTest, EndedJobsArePrunedByAge) {
  options_.keep_jobs_for = absl::Hours(1);
  Open();
  const std::string old = Submit(ExtractJob(1, "r")).id();
  DoOne();
  clock_.Advance(absl::Minutes(59));
  scheduler_->Tick();
  EXPECT_THAT(Get(old), IsOk());
  clock_.Advance(absl::Minutes(1));
  engine_.writes = 0;
  engine_.fail_from = 1;
  engine_.once = true;
  scheduler_->Tick();
  EXPECT_THAT(Get(old), IsOk()) << "could not be removed yet";
  scheduler_->Tick();
  EXPECT_THAT(Get(old), StatusIs(StatusCode::kNotFound, old));
  EXPECT_NE(Submit(ExtractJob(1, "r")).id(), old);
}

}  // namespace
}  // namespace nevus
