#include "services/worker/patient_handler.h"

#include <string_view>
#include <utility>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/runtime/peer_caller.h"

namespace nevus {
namespace {

class Context final : public TaskContext {
 public:
  const v1::Lease& lease() const override { return lease_; }
  bool cancelled() const override { return cancelled_; }
  PeerCalls& calls() override { return calls_; }
  void Report(const v1::Progress&) override {}
  void Log(std::string_view) override {}
  void Cancel() { cancelled_ = true; }

 private:
  v1::Lease lease_;
  PeerCalls calls_;
  bool cancelled_ = false;
};

// Fails `failures` times with `status`, then succeeds.
class Handler final : public TaskHandler {
 public:
  Handler(int failures, absl::Status status, int* runs, Context* to_cancel)
      : failures_(failures),
        status_(std::move(status)),
        runs_(*runs),
        to_cancel_(to_cancel) {}
  v1::WorkerKind kind() const override { return v1::TRAINING; }
  absl::StatusOr<std::string> Run(const v1::TaskSpec&, TaskContext&) override {
    if (to_cancel_ != nullptr) to_cancel_->Cancel();
    if (++runs_ <= failures_) return status_;
    return std::string("skin@1");
  }

 private:
  const int failures_;
  const absl::Status status_;
  int& runs_;
  Context* const to_cancel_;
};

class PatientHandlerTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Run(int failures, const absl::Status& status,
                                  absl::Duration patience,
                                  Context* to_cancel = nullptr) {
    return NewPatientHandler(
               std::make_unique<Handler>(failures, status, &runs_, to_cancel),
               patience)
        ->Run(v1::TaskSpec(), context_);
  }

  Context context_;
  int runs_ = 0;
};

TEST_F(PatientHandlerTest, AServiceThatComesBackCostsNoAttempt) {
  const auto result =
      Run(2, absl::UnavailableError("refused"), absl::InfiniteDuration());
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result, "skin@1");
  EXPECT_EQ(runs_, 3);
}

TEST_F(PatientHandlerTest, AServiceThatStaysAwayDoes) {
  EXPECT_THAT(Run(2, absl::UnavailableError("refused"), absl::ZeroDuration()),
              StatusIs(absl::StatusCode::kUnavailable, "refused"));
  EXPECT_EQ(runs_, 1);
}

TEST_F(PatientHandlerTest, NobodyWaitsForACancelledTask) {
  EXPECT_THAT(Run(2, absl::UnavailableError("refused"),
                  absl::InfiniteDuration(), &context_),
              StatusIs(absl::StatusCode::kUnavailable, "refused"));
  EXPECT_EQ(runs_, 1);
}

TEST_F(PatientHandlerTest, OtherErrorsAreTheSchedulersToJudge) {
  EXPECT_THAT(Run(2, absl::AbortedError("stale"), absl::InfiniteDuration()),
              StatusIs(absl::StatusCode::kAborted, "stale"));
  EXPECT_EQ(runs_, 1);
}

}  // namespace
}  // namespace nevus
