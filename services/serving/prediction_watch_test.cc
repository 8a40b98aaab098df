// The prediction log behind the real serving service, over real channels.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "protos/nevus/v1/prediction_log.grpc.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/testing/fake_platform.h"
#include "services/testing/png.h"
#include "services/testing/trained_platform.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PredictionWatchTest : public testing::Test {
 protected:
  explicit PredictionWatchTest(const ServiceContext& options = ServiceContext())
      : platform_(options),
        log_(v1::PredictionLogService::NewStub(
            platform_.peers().ChannelTo("serving"))) {
    TrainMelanoma(platform_);
  }

  v1::PredictResponse Predict(const std::string& image, int64_t version = 1) {
    grpc::ClientContext context;
    v1::PredictRequest request;
    request.set_model("melanoma");
    request.set_version(version);
    request.set_image(image);
    v1::PredictResponse response;
    EXPECT_THAT(
        FromGrpc(platform_.prediction()->Predict(&context, request, &response)),
        IsOk());
    platform_.clock().Advance(absl::Seconds(1));
    return response;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (v1::PredictionLogService::Stub::*method)(
          grpc::ClientContext*, const Request&, Response*),
      const Request& request) {
    grpc::ClientContext context;
    Response response;
    const absl::Status status =
        FromGrpc((log_.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }
  absl::StatusOr<v1::LoggedPrediction> Get(const std::string& id) {
    v1::GetPredictionRequest request;
    request.set_prediction_id(id);
    return Call(&v1::PredictionLogService::Stub::GetPrediction, request);
  }
  absl::StatusOr<v1::ListPredictionsResponse> List(
      const v1::ListPredictionsRequest& request) {
    return Call(&v1::PredictionLogService::Stub::ListPredictions, request);
  }
  absl::StatusOr<v1::Outcome> RecordOutcome(
      const v1::RecordOutcomeRequest& request) {
    return Call(&v1::PredictionLogService::Stub::RecordOutcome, request);
  }

  FakePlatform platform_;
  const std::unique_ptr<v1::PredictionLogService::Stub> log_;
};

TEST_F(PredictionWatchTest, EveryAnswerIsLoggedByDigest) {
  const std::string image = NoisePng(90, 1000);
  const absl::Time now = platform_.clock().Now();
  const v1::PredictResponse answer = Predict(image);
  const v1::LoggedPrediction logged = Get(answer.prediction_id()).value();
  EXPECT_EQ(logged.probability(), answer.probability());
  EXPECT_EQ(logged.positive(), answer.positive());
  EXPECT_EQ(logged.model(), "melanoma");
  EXPECT_EQ(logged.model_version(), 1);
  EXPECT_EQ(logged.model_digest(), answer.model_digest());
  EXPECT_EQ(logged.feature_space(), answer.feature_space());
  EXPECT_EQ(logged.image_digest(), Sha256Hex(image));
  EXPECT_EQ(logged.operating_point(), "youden");
  EXPECT_EQ(logged.threshold(), answer.threshold());
  EXPECT_EQ(logged.finds(), "melanoma");
  EXPECT_EQ(logged.role(), v1::SERVED);
  EXPECT_EQ(logged.predict_time().seconds(), absl::ToUnixSeconds(now));
  EXPECT_FALSE(logged.has_outcome());
}

TEST_F(PredictionWatchTest, TheListComesInPagesAndByTime) {
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(Predict(NoisePng(90, 1000 + i)).prediction_id());
  }
  v1::ListPredictionsRequest request;
  request.set_model("melanoma");
  request.set_version(1);
  request.set_page_size(2);
  const v1::ListPredictionsResponse first = List(request).value();
  ASSERT_EQ(first.predictions_size(), 2);
  EXPECT_EQ(first.predictions(0).prediction_id(), ids[0]);
  EXPECT_EQ(first.predictions(1).prediction_id(), ids[1]);
  request.set_page_token(first.next_page_token());
  const v1::ListPredictionsResponse second = List(request).value();
  ASSERT_EQ(second.predictions_size(), 1);
  EXPECT_EQ(second.predictions(0).prediction_id(), ids[2]);
  EXPECT_EQ(second.next_page_token(), "");

  request.clear_page_token();
  *request.mutable_since() = second.predictions(0).predict_time();
  EXPECT_EQ(List(request).value().predictions_size(), 1);
  request.clear_since();
  request.set_version(2);
  EXPECT_EQ(List(request).value().predictions_size(), 0);
}

TEST_F(PredictionWatchTest, AnOutcomeIsRecordedOnceAndSeenAtOnce) {
  const std::string image = NoisePng(90, 1000);
  const std::string id = Predict(image).prediction_id();
  v1::RecordOutcomeRequest request;
  request.set_prediction_id(id);
  request.set_label("melanoma");
  request.set_request_id("r-1");
  const v1::Outcome outcome = RecordOutcome(request).value();
  EXPECT_EQ(outcome.image_digest(), Sha256Hex(image));
  EXPECT_EQ(Get(id).value().outcome().label(), "melanoma");

  // Corrected by the image's digest; the first call repeated changes nothing.
  v1::RecordOutcomeRequest correction;
  correction.set_image_digest(Sha256Hex(image));
  correction.set_label("nevus");
  EXPECT_THAT(RecordOutcome(correction).value().earlier(),
              ElementsAre("melanoma"));
  EXPECT_EQ(RecordOutcome(request).value().SerializeAsString(),
            outcome.SerializeAsString());
  EXPECT_EQ(Get(id).value().outcome().label(), "nevus");
  request.set_label("nevus");
  EXPECT_EQ(ReasonOf(RecordOutcome(request).status()), "REQUEST_ID_REUSED");
}

TEST_F(PredictionWatchTest, LiveFiguresFollowTheOutcomes) {
  // The examples that were learned from, which the model tells apart.
  for (int i = 0; i < 12; ++i) {
    for (const bool melanoma : {true, false}) {
      v1::RecordOutcomeRequest outcome;
      outcome.set_prediction_id(
          Predict(melanoma ? NoisePng(90, i) : NoisePng(160, 100 + i))
              .prediction_id());
      outcome.set_label(melanoma ? "melanoma" : "nevus");
      ASSERT_THAT(RecordOutcome(outcome), IsOk());
    }
  }
  v1::GetLivePerformanceRequest request;
  request.set_model("melanoma");
  request.set_version(1);
  const v1::LivePerformance live =
      Call(&v1::PredictionLogService::Stub::GetLivePerformance, request)
          .value();
  EXPECT_EQ(live.model(), "melanoma@1");
  EXPECT_EQ(live.predictions(), 24);
  EXPECT_EQ(live.positives(), 12);
  EXPECT_EQ(live.negatives(), 12);
  EXPECT_TRUE(live.has_auc());
  EXPECT_GT(live.auc(), 0.8);
  EXPECT_LE(live.auc_low(), live.auc());
  // 24 are too few to speak of drift, and the reason says so.
  EXPECT_EQ(live.score_drift().verdict(), v1::DRIFT_VERDICT_UNSPECIFIED);
  EXPECT_THAT(live.score_drift().reason(), HasSubstr("24 predictions"));
  EXPECT_THAT(live.feature_drift().reason(), HasSubstr("24 predictions"));

  *request.mutable_since() = TimestampOf(platform_.clock().Now());
  EXPECT_EQ(Call(&v1::PredictionLogService::Stub::GetLivePerformance, request)
                .value()
                .predictions(),
            0);
  request.set_version(9);
  EXPECT_THAT(
      Call(&v1::PredictionLogService::Stub::GetLivePerformance, request),
      StatusIs(absl::StatusCode::kNotFound, ""));
}

class CandidateTest : public PredictionWatchTest {
 protected:
  explicit CandidateTest(const ServiceContext& options = ServiceContext())
      : PredictionWatchTest(options) {
    TrainMelanoma(platform_, /*seed=*/1);
  }

  // Loads and checks the candidate, so that it is READY.
  void Prepare() {
    grpc::ClientContext context;
    v1::PrepareModelRequest request;
    request.set_model("melanoma");
    request.set_version(2);
    v1::PrepareModelResponse response;
    ASSERT_THAT(FromGrpc(platform_.prediction()->PrepareModel(&context, request,
                                                              &response)),
                IsOk());
  }

  void SetAlias(v1::CandidateMode mode, double share) {
    v1::Alias alias;
    alias.set_model("melanoma");
    alias.set_alias("production");
    alias.set_version(1);
    alias.set_candidate_version(2);
    alias.set_candidate_mode(mode);
    alias.set_candidate_share(share);
    platform_.registry().SetAlias(alias);
  }
  // What melanoma@1 answered, by `version`; the summary last.
  std::vector<v1::ReplayPredictionsResponse> Replay(int64_t version) {
    v1::ReplayPredictionsRequest request;
    request.set_model("melanoma");
    request.set_version(1);
    request.set_candidate_version(version);
    grpc::ClientContext context;
    const auto reader = log_->ReplayPredictions(&context, request);
    std::vector<v1::ReplayPredictionsResponse> all;
    v1::ReplayPredictionsResponse response;
    while (reader->Read(&response)) all.push_back(response);
    EXPECT_THAT(FromGrpc(reader->Finish()), IsOk());
    return all;
  }
  v1::PredictResponse Ask(const std::string& image, const std::string& key,
                          const std::string& operating_point = "") {
    grpc::ClientContext context;
    v1::PredictRequest request;
    request.set_operating_point(operating_point);
    request.set_model("melanoma");
    request.set_alias("production");
    request.set_image(image);
    request.set_key(key);
    v1::PredictResponse response;
    EXPECT_THAT(
        FromGrpc(platform_.prediction()->Predict(&context, request, &response)),
        IsOk());
    return response;
  }
};

TEST_F(CandidateTest, ACanaryAnswersItsShareAndSticks) {
  SetAlias(v1::CANDIDATE_CANARY, 0.5);
  Prepare();
  const std::string image = NoisePng(90, 1000);
  int candidates = 0;
  for (int key = 0; key < 20; ++key) {
    const v1::PredictResponse answer = Ask(image, std::to_string(key));
    EXPECT_EQ(answer.model(), answer.candidate() ? "melanoma@2" : "melanoma@1");
    EXPECT_EQ(Ask(image, std::to_string(key)).model(), answer.model());
    const v1::LoggedPrediction logged = Get(answer.prediction_id()).value();
    EXPECT_EQ(logged.role(), answer.candidate() ? v1::CANARY : v1::SERVED);
    EXPECT_EQ(logged.alias(), "production");
    candidates += answer.candidate() ? 1 : 0;
  }
  EXPECT_GT(candidates, 0);
  EXPECT_LT(candidates, 20);
}

TEST_F(CandidateTest, WhatACanaryCannotAnswerTheAliasesOwnVersionDoes) {
  platform_.ChangeModel(2, [](v1::Model& model) {
    model.mutable_operating_points(0)->set_name("screening");
  });
  SetAlias(v1::CANDIDATE_CANARY, 1);
  Prepare();
  const std::string image = NoisePng(90, 1000);
  EXPECT_EQ(Ask(image, "", "screening").model(), "melanoma@2");
  EXPECT_EQ(Ask(image, "").model(), "melanoma@2");
  EXPECT_EQ(Ask(image, "", "youden").model(), "melanoma@1");
}

TEST_F(CandidateTest, AShadowAnswersBesideAndIsLoggedAlone) {
  SetAlias(v1::CANDIDATE_SHADOW, 1);
  Prepare();
  const v1::PredictResponse answer = Ask(NoisePng(90, 1000), "");
  EXPECT_EQ(answer.model(), "melanoma@1");
  EXPECT_FALSE(answer.candidate());
  v1::ListPredictionsRequest request;
  request.set_model("melanoma");
  request.set_version(2);
  v1::ListPredictionsResponse shadows;
  // It comes later; the test's time limit is the only one.
  while (shadows.predictions_size() == 0) shadows = List(request).value();
  ASSERT_EQ(shadows.predictions_size(), 1);
  EXPECT_EQ(shadows.predictions(0).role(), v1::SHADOW);
  EXPECT_EQ(shadows.predictions(0).shadow_of(), answer.prediction_id());
  EXPECT_EQ(shadows.predictions(0).image_digest(), answer.image_digest());
  EXPECT_EQ(shadows.predictions(0).alias(), "production");
}

TEST_F(CandidateTest, TheOpenInferenceProtocolTakesPartToo) {
  SetAlias(v1::CANDIDATE_CANARY, 1);
  Prepare();
  const std::vector<std::string> images = {NoisePng(90, 1000),
                                           NoisePng(160, 1001)};
  inference::ModelInferRequest request;
  request.set_model_name("melanoma");
  (*request.mutable_parameters())["key"].set_string_param("p-7");
  auto& input = *request.add_inputs();
  input.set_name("image");
  input.set_datatype("BYTES");
  input.add_shape(2);
  for (const std::string& image : images) {
    input.mutable_contents()->add_bytes_contents(image);
  }
  const auto stub = inference::GRPCInferenceService::NewStub(
      platform_.peers().ChannelTo("serving"));
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  ASSERT_THAT(FromGrpc(stub->ModelInfer(&context, request, &response)), IsOk());
  EXPECT_EQ(response.model_version(), "2");
  EXPECT_TRUE(response.parameters().at("candidate").bool_param());
  const std::vector<std::string> ids = absl::StrSplit(
      response.parameters().at("prediction_ids").string_param(), ',');
  ASSERT_EQ(ids.size(), images.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const v1::LoggedPrediction logged = Get(ids[i]).value();
    EXPECT_EQ(logged.image_digest(), Sha256Hex(images[i]));
    EXPECT_EQ(logged.alias(), "production");
    EXPECT_EQ(logged.role(), v1::CANARY);
  }

  (*request.mutable_parameters())["key"].set_string_param(
      std::string(201, 'x'));
  grpc::ClientContext again;
  EXPECT_EQ(ReasonOf(FromGrpc(stub->ModelInfer(&again, request, &response))),
            "KEY_TOO_LONG");
}

TEST_F(CandidateTest, ACanaryThatCannotAnswerGetsNoCalls) {
  SetAlias(v1::CANDIDATE_CANARY, 1);
  platform_.ChangeModel(2, [](v1::Model& model) {
    model.mutable_space()->set_digest(std::string(64, '0'));
  });
  for (int i = 0; i < 3; ++i) {
    const v1::PredictResponse answer = Ask(NoisePng(90, 1000 + i), "");
    EXPECT_EQ(answer.model(), "melanoma@1");
    EXPECT_FALSE(answer.candidate());
  }
}

TEST_F(CandidateTest, AShadowThatCannotAnswerHurtsNobody) {
  SetAlias(v1::CANDIDATE_SHADOW, 1);
  platform_.ChangeModel(2, [](v1::Model& model) {
    model.mutable_space()->set_digest(std::string(64, '0'));
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Ask(NoisePng(90, 1000 + i), "").model(), "melanoma@1");
  }
}

TEST_F(CandidateTest, AReplayAnswersFromFeaturesAndNamesWhatIsGone) {
  // Learned from: its feature and its image are there. Unknown: nothing is.
  Predict(NoisePng(90, 0));
  Predict(NoisePng(160, 101));
  Predict(NoisePng(90, 1000));
  const auto same = Replay(1);
  ASSERT_EQ(same.size(), 4u);
  for (int i = 0; i < 2; ++i) {
    const v1::ReplayedPrediction& one = same[i].prediction();
    EXPECT_EQ(one.source(), v1::STORED_FEATURE);
    // The same version gives the same bits.
    EXPECT_EQ(one.probability(), one.logged().probability());
    EXPECT_FALSE(one.flipped());
  }
  EXPECT_EQ(same[2].prediction().source(), v1::REPLAY_SOURCE_UNSPECIFIED);
  EXPECT_EQ(same[3].summary().images(), 3);
  EXPECT_EQ(same[3].summary().replayed(), 2);
  EXPECT_FALSE(same[3].summary().has_auc());

  const auto other = Replay(2);
  EXPECT_NE(other[0].prediction().probability(),
            other[0].prediction().logged().probability());

  v1::ReplayPredictionsRequest request;
  request.set_model("melanoma");
  request.set_version(1);
  request.set_candidate_version(2);
  request.set_alias("production");
  grpc::ClientContext context;
  EXPECT_EQ(
      ReasonOf(FromGrpc(log_->ReplayPredictions(&context, request)->Finish())),
      "MODEL_REFERENCE_INVALID");
}

// What one looks at again has to have the bits of what was, or would have been,
// answered.
TEST_F(CandidateTest, AReplayComputesFromADatasetsImageWithoutAFeature) {
  const std::string image = NoisePng(90, 1000);
  Predict(image);
  platform_.AddExample("late", v1::TRAIN, "melanoma", image);
  const auto replayed = Replay(2);
  ASSERT_EQ(replayed.size(), 2u);
  EXPECT_EQ(replayed[0].prediction().source(), v1::DATASET_IMAGE);
  EXPECT_EQ(replayed[1].summary().replayed(), 1);
  EXPECT_EQ(replayed[0].prediction().probability(),
            Predict(image, /*version=*/2).probability());
}

class LoggedImagesTest : public CandidateTest {
 protected:
  LoggedImagesTest() : CandidateTest(WithImages()) {}

  static ServiceContext WithImages() {
    ServiceContext options;
    options.predictions.log_images = true;
    return options;
  }
};

TEST_F(LoggedImagesTest, AReplayComputesFromALoggedImageOfNoDataset) {
  const std::string image = NoisePng(90, 1000);
  Predict(image);
  const auto replayed = Replay(2);
  ASSERT_EQ(replayed.size(), 2u);
  EXPECT_EQ(replayed[0].prediction().source(), v1::LOGGED_IMAGE);
  EXPECT_EQ(replayed[1].summary().replayed(), 1);
  EXPECT_EQ(replayed[0].prediction().probability(),
            Predict(image, /*version=*/2).probability());
}

TEST_F(PredictionWatchTest, WhatMakesNoSenseIsRefusedWithItsReason) {
  EXPECT_EQ(ReasonOf(Get("0123").status()), "PREDICTION_NOT_FOUND");
  v1::RecordOutcomeRequest outcome;
  outcome.set_label("nevus");
  EXPECT_EQ(ReasonOf(RecordOutcome(outcome).status()),
            "OUTCOME_TARGET_INVALID");
  outcome.set_image_digest("abc");
  EXPECT_EQ(ReasonOf(RecordOutcome(outcome).status()), "DIGEST_INVALID");
  outcome.set_image_digest(std::string(64, 'a'));
  EXPECT_EQ(ReasonOf(RecordOutcome(outcome).status()), "PREDICTION_NOT_FOUND");
  outcome.clear_label();
  EXPECT_EQ(ReasonOf(RecordOutcome(outcome).status()), "LABEL_INVALID");

  v1::ListPredictionsRequest list;
  list.set_version(1);
  EXPECT_EQ(ReasonOf(List(list).status()), "VERSION_INVALID");
  list.set_version(0);
  list.set_page_token("zz");
  EXPECT_EQ(ReasonOf(List(list).status()), "PAGE_TOKEN_INVALID");
  list.clear_page_token();
  list.mutable_since()->set_seconds(2);
  list.mutable_until()->set_seconds(1);
  EXPECT_EQ(ReasonOf(List(list).status()), "WINDOW_INVALID");
}

}  // namespace
}  // namespace nevus
