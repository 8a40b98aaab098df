// The same request id gives the same answer, also after a restart; another
// request under it is refused.
#include <string>

#include "services/scheduler/shell/scheduler_fixture.h"

namespace nevus {
namespace {

using absl::StatusCode;

class SchedulerRequestsTest : public SchedulerFixture {
 protected:
  static void ExpectReused(const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(StatusCode::kAlreadyExists, "new"));
    EXPECT_EQ(ReasonOf(status), "REQUEST_ID_REUSED");
  }
};

TEST_F(SchedulerRequestsTest, ASubmitIsTakenOnce) {
  const std::string id = Submit(ExtractJob(1, "r")).id();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Submit(ExtractJob(1, "r")).id(), id);
    ExpectReused(scheduler_->Submit(ExtractJob(2, "r")).status());
    v1::GetJobRequest by_request;
    by_request.set_request_id("r");
    EXPECT_EQ(scheduler_->Get(by_request)->id(), id);
    Open();
  }
  DoOne();
  Open();
  // It has ended: the answer is the job as it is.
  EXPECT_EQ(Submit(ExtractJob(1, "r")).state(), v1::SUCCEEDED);
  ExpectReused(scheduler_->Submit(ExtractJob(2, "r")).status());
  EXPECT_EQ(List().size(), 1u);
  v1::GetJobRequest unknown;
  unknown.set_request_id("s");
  EXPECT_THAT(scheduler_->Get(unknown), StatusIs(StatusCode::kNotFound, "s"));
}

TEST_F(SchedulerRequestsTest, TheServicesDigestDecidesWhatIsTheSame) {
  v1::Job job = ExtractJob(1, "r");
  job.set_request_digest(std::string(64, 'a'));
  const std::string id = Submit(job).id();
  job.set_title("cut differently since");
  EXPECT_EQ(Submit(job).id(), id);
  job.set_request_digest(std::string(64, 'b'));
  ExpectReused(scheduler_->Submit(job).status());
}

TEST_F(SchedulerRequestsTest, ARefusedSubmitMayComeAgainUnderItsId) {
  engine_.fail_from = 1;
  EXPECT_THAT(scheduler_->Submit(ExtractJob(1, "r")),
              StatusIs(StatusCode::kResourceExhausted, "full"));
  EXPECT_TRUE(List().empty());
  engine_.fail_from = 0;
  EXPECT_THAT(scheduler_->Submit(ExtractJob(2, "r")), IsOk());
}

TEST_F(SchedulerRequestsTest, CancelAndRetryAnswerAsTheyDidTheFirstTime) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Job cancelled = Cancel(id, "c").value();
  EXPECT_EQ(cancelled.state(), v1::CANCELLED);
  const v1::Job retried = Retry(id, "t").value();
  EXPECT_EQ(retried.state(), v1::PENDING);
  for (int i = 0; i < 2; ++i) {
    // Not cancelled again, though it could be.
    EXPECT_EQ(Cancel(id, "c")->DebugString(), cancelled.DebugString());
    EXPECT_EQ(Retry(id, "t")->DebugString(), retried.DebugString());
    EXPECT_EQ(StateOf(id), v1::PENDING);
    ExpectReused(Retry(id, "c").status());
    ExpectReused(Cancel("j-other", "c").status());
    ExpectReused(scheduler_->Submit(ExtractJob(1, "c")).status());
    Open();
  }
  EXPECT_EQ(Cancel(id, "d")->state(), v1::CANCELLED);
  EXPECT_EQ(Cancel(id, "e")->state(), v1::CANCELLED) << "idempotent";
  EXPECT_EQ(Cancel(id, "e")->state(), v1::CANCELLED);
}

TEST_F(SchedulerRequestsTest, ASubmitsIdIsNotForOtherRequests) {
  const std::string id = Submit(ExtractJob(1, "r")).id();
  ExpectReused(Cancel(id, "r").status());
  EXPECT_EQ(StateOf(id), v1::PENDING);
  EXPECT_THAT(Cancel(id, std::string(65, 'x')),
              StatusIs(StatusCode::kInvalidArgument, "65 bytes"));
}

TEST_F(SchedulerRequestsTest, WhatFailedIsNotRemembered) {
  const std::string id = Submit(ExtractJob(1)).id();
  EXPECT_THAT(Retry(id, "r"),
              StatusIs(StatusCode::kFailedPrecondition, "PENDING"));
  EXPECT_THAT(Cancel("j-none", "r"), StatusIs(StatusCode::kNotFound, "j-none"));
  engine_.fail_from = 1;
  EXPECT_THAT(Cancel(id, "r"),
              StatusIs(StatusCode::kResourceExhausted, "full"));
  EXPECT_EQ(StateOf(id), v1::PENDING);
  engine_.fail_from = 0;
  EXPECT_EQ(Cancel(id, "r")->state(), v1::CANCELLED);
}

}  // namespace
}  // namespace nevus
