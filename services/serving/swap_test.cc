// Versions that change while calls go on: promotion, rollback, refusal, a
// registry that is away.
#include <grpcpp/client_context.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/serving/serving_fixture.h"

namespace nevus {
namespace {

class SwapTest : public ServingTest {
 protected:
  // melanoma@1 and @2 on one network, melanoma@3 on another; production is 1.
  void MakeThree() {
    platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
    platform_.AddVgg16("other", /*seed=*/8, /*input_size=*/32);
    MakeModel("vgg16", 1);
    MakeModel("vgg16", 2);
    MakeModel("other", 3);
    request_.clear_version();
    request_.set_alias("production");
    Promote(1);
  }
  void Promote(int64_t version) {
    platform_.SetAlias("melanoma", "production", version);
  }
  absl::StatusOr<v1::PrepareModelResponse> Prepare(int64_t version) {
    grpc::ClientContext context;
    v1::PrepareModelRequest request;
    request.set_model("melanoma");
    request.set_version(version);
    v1::PrepareModelResponse response;
    const absl::Status status = FromGrpc(
        platform_.prediction()->PrepareModel(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  // Another head: its golden answers are not what it gives.
  void SpoilHead(int64_t version) {
    platform_.ChangeModel(version, [](v1::Model& model) {
      model.mutable_head()->set_b2(model.head().b2() + 1e6f);
    });
  }
  // The same, of the answer's text.
  std::string Answering() {
    const auto answer = Predict();
    return answer.ok() ? answer->model() : answer.status().ToString();
  }
  // Asks until `model` answers: what nobody prepared takes a moment to load.
  void AwaitAnswer(const std::string& model) {
    while (Answering() != model) std::this_thread::yield();
  }
};

TEST_F(SwapTest, APreparedVersionAnswersFromTheNextCallOn) {
  MakeThree();
  EXPECT_EQ(Answering(), "melanoma@1");
  for (const int64_t version : {2, 3, 1, 3}) {
    EXPECT_EQ(Prepare(version).value().golden_answers(), 2);
    Promote(version);
    EXPECT_EQ(Answering(), "melanoma@" + std::to_string(version));
  }
}

TEST_F(SwapTest, UntilAnUnpreparedVersionIsReadyTheLastOneAnswers) {
  MakeThree();
  EXPECT_EQ(Answering(), "melanoma@1");
  Promote(3);
  const std::string next = Answering();
  EXPECT_TRUE(next == "melanoma@1" || next == "melanoma@3") << next;
  AwaitAnswer("melanoma@3");
  EXPECT_EQ(Answering(), "melanoma@3");
}

// The alias moves at this server when the version is READY here. Calls that
// come before are answered by the one that was promoted here until then; none
// that comes after an answer of the new one gets one of the old.
TEST_F(SwapTest, AnUnpreparedPromotionCountsFromReadyOnAndForEveryCall) {
  MakeThree();
  EXPECT_EQ(Answering(), "melanoma@1");
  std::atomic<bool> moved{false};
  std::atomic<int> after{0};
  Mutex mutex;
  std::vector<std::string> errors;
  Promote(3);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (after < 20) {
        const bool moved_before = moved;
        const std::string model = Answering();
        if (model == "melanoma@3") {
          moved = true;
          ++after;
        } else if (model != "melanoma@1" || moved_before) {
          MutexLock lock(mutex);
          errors.push_back(model);
          after = 20;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(errors, std::vector<std::string>());
}

TEST_F(SwapTest, AVersionThatFailsItsGoldenAnswersIsRefusedAndTheOldOneStays) {
  MakeThree();
  EXPECT_EQ(Answering(), "melanoma@1");
  SpoilHead(2);
  const absl::Status refused = Prepare(2).status();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kFailedPrecondition, "melanoma@2"));
  EXPECT_EQ(ReasonOf(refused), "GOLDEN_MISMATCH");
  Promote(2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Answering(), "melanoma@1");
  request_.clear_alias();
  request_.set_version(2);
  EXPECT_EQ(ReasonOf(Predict().status()), "GOLDEN_MISMATCH");
}

TEST_F(SwapTest, ANetworkThatIsNotTheTrainedOneIsRefused) {
  MakeThree();
  platform_.ChangeModel(1, [](v1::Model& model) {
    for (v1::GoldenAnswer& golden : *model.mutable_head()->mutable_golden()) {
      for (float& value : *golden.mutable_feature()) value *= 1.2f;
    }
  });
  EXPECT_THAT(Predict(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  "a feature differs"));
}

TEST_F(SwapTest, AModelWithoutGoldenAnswersIsServed) {
  MakeThree();
  platform_.ChangeModel(
      1, [](v1::Model& model) { model.mutable_head()->clear_golden(); });
  EXPECT_EQ(Prepare(1).value().golden_answers(), 0);
  EXPECT_EQ(Answering(), "melanoma@1");
}

TEST_F(SwapTest, WithoutTheRegistryAnAliasStandsWhereItStood) {
  MakeThree();
  EXPECT_EQ(Answering(), "melanoma@1");
  platform_.registry().FailAliases(absl::UnavailableError("away"));
  EXPECT_EQ(Answering(), "melanoma@1");
  request_.set_alias("candidate");
  EXPECT_THAT(Predict(), StatusIs(absl::StatusCode::kUnavailable, "away"));
}

// Every answer must come from a version that was in production at some moment
// between the call's start and its end; no call may fail.
TEST_F(SwapTest, PromotionsUnderLoadFailNoCallAndShowNoOtherVersion) {
  MakeThree();
  ASSERT_THAT(Prepare(2), IsOk());
  ASSERT_THAT(Prepare(3), IsOk());
  EXPECT_EQ(Answering(), "melanoma@1");

  Mutex mutex;
  std::vector<int64_t> history = {1};  // guarded by mutex, as the next two
  size_t promoted = 1;                 // of them, those that the registry has
  std::vector<std::string> errors;
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  const auto promoted_now = [&] {
    MutexLock lock(mutex);
    return promoted;
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        const size_t before = promoted_now();
        const std::string model = Answering();
        MutexLock lock(mutex);
        bool right = false;
        for (size_t at = before - 1; at < history.size(); ++at) {
          right |= model == "melanoma@" + std::to_string(history[at]);
        }
        if (!right) errors.push_back(model);
        ++calls;
      }
    });
  }
  for (int swap = 0; swap < 30; ++swap) {
    const int64_t version = 1 + (swap + 1) % 3;
    {
      MutexLock lock(mutex);
      history.push_back(version);
    }
    Promote(version);
    {
      MutexLock lock(mutex);
      ++promoted;
    }
    const int seen = calls;
    while (calls < seen + 4) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(errors, std::vector<std::string>());
  EXPECT_GE(calls, 120);
}

}  // namespace
}  // namespace nevus
