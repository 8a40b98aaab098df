#include "services/scheduler/shell/scheduler.h"

#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "storage/job/job_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;

v1::Job ExtractJob(int tasks, const std::string& request_id = "") {
  v1::Job job;
  job.set_kind(v1::EXTRACTION);
  job.set_title("extract isic@1");
  job.set_request_id(request_id);
  for (int i = 0; i < tasks; ++i) {
    v1::Task* task = job.add_tasks();
    task->mutable_spec()->mutable_extract()->set_space("space");
    task->mutable_progress()->set_total(256);
    task->mutable_progress()->set_unit("images");
  }
  return job;
}

v1::LeaseTaskRequest From(const std::string& worker,
                          v1::WorkerKind kind = v1::EXTRACTION) {
  v1::LeaseTaskRequest request;
  request.set_worker(worker);
  request.set_kind(kind);
  return request;
}

v1::FinishTaskRequest Done(const std::string& worker, const v1::Lease& lease) {
  v1::FinishTaskRequest request;
  request.set_worker(worker);
  *request.mutable_lease() = lease;
  request.set_result("made");
  return request;
}

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() { Open(); }

  // As after a start of the process.
  void Open() {
    scheduler_.reset();
    auto opened = Scheduler::Open(store_, clock_, options_);
    ASSERT_THAT(opened, IsOk());
    scheduler_ = *std::move(opened);
  }
  v1::LeaseTaskResponse Lease(const std::string& worker) {
    return scheduler_->LeaseTask(From(worker), absl::ZeroDuration()).value();
  }

  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  MemoryStore engine_;
  JobStore store_{engine_};
  SchedulerOptions options_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, AJobGoesFromSubmitToSuccess) {
  const v1::Job job = scheduler_->Submit(ExtractJob(1)).value();
  EXPECT_EQ(job.state(), v1::PENDING);
  EXPECT_EQ(job.reason(), "WAITING_FOR_WORKER");
  const v1::LeaseTaskResponse leased = Lease("w1");
  ASSERT_TRUE(leased.has_lease());
  EXPECT_EQ(leased.spec().extract().space(), "space");
  EXPECT_EQ(scheduler_->Get(job.id())->state(), v1::RUNNING);
  EXPECT_THAT(scheduler_->FinishTask(Done("w1", leased.lease())), IsOk());
  const v1::Job ended = scheduler_->Get(job.id()).value();
  EXPECT_EQ(ended.state(), v1::SUCCEEDED);
  EXPECT_EQ(ended.result(), "made");
  EXPECT_EQ(ended.progress().done(), 256);
}

TEST_F(SchedulerTest, NothingAcknowledgedIsLostByARestart) {
  const v1::Job waiting = scheduler_->Submit(ExtractJob(2, "r1")).value();
  const v1::LeaseTaskResponse leased = Lease("w1");
  Open();
  EXPECT_EQ(scheduler_->Get(waiting.id())->state(), v1::RUNNING);
  EXPECT_EQ(scheduler_->Submit(ExtractJob(2, "r1"))->id(), waiting.id());
  // The worker did not notice: its lease is still good, and its spec kept.
  EXPECT_THAT(scheduler_->FinishTask(Done("w1", leased.lease())), IsOk());
  const v1::LeaseTaskResponse second = Lease("w1");
  ASSERT_TRUE(second.has_lease());
  EXPECT_EQ(second.lease().task(), 1);
  EXPECT_EQ(second.spec().extract().space(), "space");
}

TEST_F(SchedulerTest, ASilentWorkersTaskMovesOnAndItsResultIsRefused) {
  const v1::Job job = scheduler_->Submit(ExtractJob(1)).value();
  const v1::Lease lost = Lease("w1").lease();
  clock_.Advance(options_.policy.lease);
  scheduler_->ExpireLeases();
  EXPECT_EQ(scheduler_->Get(job.id())->reason(), "BACKING_OFF");
  EXPECT_FALSE(Lease("w2").has_lease());
  clock_.Advance(options_.policy.first_backoff);
  const v1::Lease taken = Lease("w2").lease();
  EXPECT_GT(taken.fencing_token(), lost.fencing_token());
  EXPECT_THAT(scheduler_->FinishTask(Done("w1", lost)),
              StatusIs(StatusCode::kAborted, "does not hold"));
  EXPECT_THAT(scheduler_->FinishTask(Done("w2", taken)), IsOk());
}

TEST_F(SchedulerTest, AHeartbeatKeepsTheLeaseAndBringsCancellation) {
  const v1::Job job = scheduler_->Submit(ExtractJob(1)).value();
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_worker("w1");
  *heartbeat.mutable_lease() = Lease("w1").lease();
  heartbeat.mutable_progress()->set_done(7);
  heartbeat.mutable_progress()->set_total(256);
  clock_.Advance(options_.policy.lease - absl::Seconds(1));
  EXPECT_FALSE(scheduler_->Heartbeat(heartbeat)->cancelled());
  clock_.Advance(options_.policy.lease - absl::Seconds(1));
  scheduler_->ExpireLeases();
  EXPECT_EQ(scheduler_->Get(job.id())->progress().done(), 7);
  ASSERT_THAT(scheduler_->Cancel(job.id()), IsOk());
  EXPECT_TRUE(scheduler_->Heartbeat(heartbeat)->cancelled());
}

TEST_F(SchedulerTest, FirstComeFirstServedWithinAKind) {
  const v1::Job first = scheduler_->Submit(ExtractJob(1)).value();
  const v1::Job second = scheduler_->Submit(ExtractJob(1)).value();
  v1::LeaseTaskRequest trainer = From("t1", v1::TRAINING);
  EXPECT_FALSE(
      scheduler_->LeaseTask(trainer, absl::ZeroDuration())->has_lease());
  EXPECT_EQ(Lease("w1").lease().job(), first.id());
  EXPECT_EQ(scheduler_->Get(second.id())->reason(), "BEHIND_JOBS");
  EXPECT_EQ(Lease("w2").lease().job(), second.id());
}

TEST_F(SchedulerTest, ListsNewestFirstInPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(scheduler_->Submit(ExtractJob(1))->id());
  }
  v1::ListJobsRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const v1::ListJobsResponse page = scheduler_->List(request).value();
    for (const v1::Job& job : page.jobs()) seen.push_back(job.id());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, std::vector<std::string>(ids.rbegin(), ids.rend()));
  request.set_page_token("j-nonsense");
  EXPECT_THAT(scheduler_->List(request),
              StatusIs(StatusCode::kInvalidArgument, "page token"));
}

TEST_F(SchedulerTest, WatchingSeesEachChangeOnce) {
  const v1::Job job = scheduler_->Submit(ExtractJob(1)).value();
  int64_t revision = 0;
  EXPECT_EQ(scheduler_->AwaitChange(job.id(), &revision, absl::ZeroDuration())
                ->state(),
            v1::PENDING);
  const int64_t before = revision;
  ASSERT_THAT(
      scheduler_->AwaitChange(job.id(), &revision, absl::ZeroDuration()),
      IsOk());
  EXPECT_EQ(revision, before);
  Lease("w1");
  EXPECT_EQ(scheduler_->AwaitChange(job.id(), &revision, absl::ZeroDuration())
                ->state(),
            v1::RUNNING);
  EXPECT_GT(revision, before);
}

TEST_F(SchedulerTest, MistakesAreRefused) {
  EXPECT_THAT(scheduler_->Get("j-none"),
              StatusIs(StatusCode::kNotFound, "there is no job \"j-none\""));
  EXPECT_THAT(scheduler_->Submit(v1::Job()),
              StatusIs(StatusCode::kInvalidArgument, "kind"));
  v1::Job empty_task = ExtractJob(0);
  empty_task.add_tasks();
  EXPECT_THAT(scheduler_->Submit(empty_task),
              StatusIs(StatusCode::kInvalidArgument, "no spec"));
  EXPECT_THAT(scheduler_->LeaseTask({}, absl::ZeroDuration()),
              StatusIs(StatusCode::kInvalidArgument, "name and its kind"));
  v1::Job nothing_to_do = ExtractJob(0);
  nothing_to_do.set_result("space");
  const v1::Job done = scheduler_->Submit(nothing_to_do).value();
  EXPECT_EQ(done.state(), v1::SUCCEEDED);
  EXPECT_EQ(done.result(), "space");
  EXPECT_THAT(scheduler_->Cancel(done.id()),
              StatusIs(StatusCode::kFailedPrecondition, "SUCCEEDED"));
}

TEST_F(SchedulerTest, AFullQueueSaysWhenToComeBack) {
  options_.max_unfinished_jobs = 1;
  Open();
  ASSERT_THAT(scheduler_->Submit(ExtractJob(1)), IsOk());
  const absl::Status full = scheduler_->Submit(ExtractJob(1, "r")).status();
  EXPECT_THAT(full, StatusIs(StatusCode::kResourceExhausted, "1 unfinished"));
  EXPECT_GT(RetryDelayOf(full), absl::ZeroDuration());
}

}  // namespace
}  // namespace nevus
