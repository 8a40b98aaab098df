// Versions that change while calls go on: promotion, rollback, refusal, a
// registry that is away.
#include <grpcpp/client_context.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/feature/feature_extractor.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/serving/batcher.h"
#include "services/serving/core/batch_queue.h"
#include "services/serving/model_set.h"
#include "services/serving/serving_fixture.h"
#include "services/serving/serving_model.h"

namespace nevus {
namespace {

// Callers that ask without pause while production moves. An answer is an error
// unless its version was in production at some moment between the call's start
// and its end.
class Load {
 public:
  // `ask` gives the model that answered, from several threads at once.
  Load(std::function<std::string()> ask, int64_t production)
      : ask_(std::move(ask)), history_({production}) {
    for (int i = 0; i < 4; ++i) callers_.emplace_back([this] { Call(); });
  }
  ~Load() { Stop(); }

  // Promotes, and waits for four more calls.
  void Swap(int64_t version, const std::function<void(int64_t)>& promote) {
    {
      MutexLock lock(mutex_);
      history_.push_back(version);
    }
    promote(version);
    {
      MutexLock lock(mutex_);
      ++promoted_;
    }
    const int seen = calls_;
    while (calls_ < seen + 4) std::this_thread::yield();
  }
  // Returns the errors.
  std::vector<std::string> Stop() {
    stop_ = true;
    for (std::thread& caller : callers_) caller.join();
    callers_.clear();
    MutexLock lock(mutex_);
    return errors_;
  }
  int calls() const { return calls_; }

 private:
  void Call() {
    while (!stop_) {
      const size_t before = Promoted();
      const std::string model = ask_();
      MutexLock lock(mutex_);
      bool right = false;
      for (size_t at = before - 1; at < history_.size(); ++at) {
        right |= model == "melanoma@" + std::to_string(history_[at]);
      }
      if (!right) errors_.push_back(model);
      ++calls_;
    }
  }
  size_t Promoted() {
    MutexLock lock(mutex_);
    return promoted_;
  }

  const std::function<std::string()> ask_;
  Mutex mutex_;
  std::vector<int64_t> history_ ABSL_GUARDED_BY(mutex_);
  // Of them, those that the registry has.
  size_t promoted_ ABSL_GUARDED_BY(mutex_) = 1;
  std::vector<std::string> errors_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> stop_{false};
  std::atomic<int> calls_{0};
  std::vector<std::thread> callers_;
};

class SwapTest : public ServingTest {
 protected:
  explicit SwapTest(const ServiceContext& options = ServiceContext())
      : ServingTest(options) {}

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

// No call may fail, and no answer be of another version, while production moves
// between versions that are loaded.
TEST_F(SwapTest, PromotionsUnderLoadFailNoCallAndShowNoOtherVersion) {
  MakeThree();
  ASSERT_THAT(Prepare(2), IsOk());
  ASSERT_THAT(Prepare(3), IsOk());
  EXPECT_EQ(Answering(), "melanoma@1");
  Load load([this] { return Answering(); }, 1);
  for (int swap = 0; swap < 30; ++swap) {
    load.Swap(1 + (swap + 1) % 3,
              [this](int64_t version) { Promote(version); });
  }
  EXPECT_EQ(load.Stop(), std::vector<std::string>());
  EXPECT_GE(load.calls(), 120);
}

// No memory for what no alias points at.
class TightSwapTest : public SwapTest {
 protected:
  TightSwapTest() : SwapTest(WithoutMemory()) {}

  static ServiceContext WithoutMemory() {
    ServiceContext options;
    options.serving_bytes = 0;
    return options;
  }
  // melanoma@1 and @2, on two networks; production is 1.
  void MakeTwo() {
    platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
    platform_.AddVgg16("other", /*seed=*/8, /*input_size=*/32);
    MakeModel("vgg16");
    MakeModel("other");
    request_.clear_version();
    request_.set_alias("production");
    Promote(1);
  }
  // Loads it and keeps it here: a version without an alias would leave at once.
  absl::Status Stage(int64_t version) {
    platform_.SetAlias("melanoma", "staging", version);
    v1::PredictRequest request = request_;
    request.set_alias("staging");
    grpc::ClientContext context;
    v1::PredictResponse response;
    RETURN_IF_ERROR(FromGrpc(
        platform_.prediction()->Predict(&context, request, &response)));
    return Prepare(version).status();
  }
  // "UNAVAILABLE: not loaded" and the like.
  std::string StateOf(int64_t version) {
    grpc::ClientContext context;
    inference::RepositoryIndexResponse index;
    EXPECT_THAT(FromGrpc(inference::GRPCInferenceService::NewStub(
                             platform_.peers().ChannelTo("serving"))
                             ->RepositoryIndex(&context, {}, &index)),
                IsOk());
    for (const auto& model : index.models()) {
      if (model.version() != std::to_string(version)) continue;
      return model.reason().empty() ? model.state()
                                    : model.state() + ": " + model.reason();
    }
    return "not there";
  }
};

TEST_F(TightSwapTest, UnloadsAndRollbacksUnderLoadFailNoCall) {
  MakeTwo();
  EXPECT_EQ(Answering(), "melanoma@1");
  Load load([this] { return Answering(); }, 1);
  for (int swap = 0; swap < 4; ++swap) {
    const int64_t from = 1 + swap % 2, to = 3 - from;
    ASSERT_THAT(Stage(to), IsOk());
    load.Swap(to, [this](int64_t version) { Promote(version); });
    // The one that was left goes; the test's time limit is the only one.
    while (StateOf(from) != "UNAVAILABLE: not loaded") {
      std::this_thread::yield();
    }
    EXPECT_EQ(StateOf(to), "READY");
  }
  EXPECT_EQ(load.Stop(), std::vector<std::string>());
  EXPECT_GE(load.calls(), 16);
}

// Else a promotion would load it twice: to check it, and to answer with it.
TEST_F(TightSwapTest, APreparedVersionIsThereWhenItIsPromoted) {
  MakeTwo();
  EXPECT_EQ(Answering(), "melanoma@1");
  for (int swap = 0; swap < 4; ++swap) {
    const int64_t from = 1 + swap % 2, to = 3 - from;
    ASSERT_THAT(Prepare(to), IsOk());
    EXPECT_EQ(StateOf(to), "READY");
    Promote(to);
    EXPECT_EQ(Answering(), "melanoma@" + std::to_string(to));
    while (StateOf(from) != "UNAVAILABLE: not loaded") {
      std::this_thread::yield();
    }
  }
}

TEST_F(TightSwapTest, AnAliasThatLoadsTakesNothingFromWhatWasPrepared) {
  MakeTwo();
  ASSERT_THAT(Prepare(2), IsOk());
  EXPECT_EQ(Answering(), "melanoma@1");
  // What unloads has its turn between them.
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(Prepare(99), StatusIs(absl::StatusCode::kNotFound, ""));
  }
  EXPECT_EQ(StateOf(2), "READY");
  platform_.clock().Advance(absl::Seconds(31));
  while (StateOf(2) != "UNAVAILABLE: not loaded") {
    EXPECT_EQ(Answering(), "melanoma@1");
  }
}

TEST_F(TightSwapTest, AnUnloadedNetworkIsFreedOnceNobodyUsesIt) {
  MakeTwo();
  Batcher batcher(BatchLimits(), platform_.clock());
  ModelSet models(platform_.peers(), platform_.clock(), batcher,
                  {/*threads=*/1, /*limit_bytes=*/0, /*device=*/""});
  batcher.Start();
  models.Start();
  const ModelReference production = {"melanoma", 0, "production"};
  grpc::ServerContext call;
  std::shared_ptr<ServingModel> user = models.Get(production, call).value();
  ASSERT_EQ(user->model().version(), 1);
  const std::weak_ptr<ServingModel> model = user;
  const std::weak_ptr<FeatureExtractor> network = user->extractor();
  Promote(2);
  while (models.Get(production, call).value()->model().version() != 2) {
    std::this_thread::yield();
  }
  while (models.Loaded().size() > 1) std::this_thread::yield();
  // Whoever was being answered by it still is.
  EXPECT_EQ(user->model().version(), 1);
  user.reset();
  while (!network.expired()) std::this_thread::yield();
  EXPECT_TRUE(model.expired());
}

}  // namespace
}  // namespace nevus
