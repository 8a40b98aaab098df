// The serving service over real in-process channels, on models that the real
// extraction and training handlers made (serving_fixture.h).
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/image/decode.h"
#include "gtest/gtest.h"
#include "services/runtime/convert.h"
#include "services/serving/serving_fixture.h"
#include "services/testing/png.h"

namespace nevus {
namespace {

TEST_F(ServingTest, APredictionHasTheBitsOfAnEvaluation) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  const v1::PredictResponse answer = Predict().value();
  EXPECT_EQ(answer.probability(), FromStoredFeature());
  const v1::Model model = GetModel();
  EXPECT_EQ(answer.operating_point(), "youden");
  EXPECT_EQ(answer.threshold(), model.operating_points(0).threshold());
  EXPECT_EQ(answer.positive(), answer.probability() >= answer.threshold());
  EXPECT_EQ(answer.decision(), answer.positive() ? "melanoma" : "not melanoma");
  EXPECT_EQ(answer.model(), "melanoma@1");
  EXPECT_EQ(answer.model_digest(), model.digest());
  EXPECT_EQ(answer.feature_space(), model.space().digest());
  EXPECT_EQ(answer.image_digest(), Sha256Hex(request_.image()));
  EXPECT_EQ(answer.prediction_id().size(), 32u);
  EXPECT_TRUE(answer.synthetic());
}

TEST_F(ServingTest, APredictionHasTheBitsOfAnEvaluationWithSqueezeNetToo) {
  const char* data = std::getenv("NEVUS_TEST_DATA");
  std::ifstream file(
      std::string(data == nullptr ? "" : data) + "/weights/squeezenet1_1.pt",
      std::ios::binary);
  if (!file) GTEST_SKIP() << "skipped: no ../shared/data";
  const std::string weights((std::istreambuf_iterator<char>(file)), {});
  platform_.AddTorchScript("squeezenet", weights, /*input_size=*/64);
  MakeModel("squeezenet");
  EXPECT_EQ(Predict().value().probability(), FromStoredFeature());
}

TEST_F(ServingTest, AnAnswerAloneWaitsForNobody) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  const v1::PredictResponse answer = Predict().value();
  EXPECT_EQ(answer.batch_size(), 1);
  EXPECT_EQ(answer.queue_wait().seconds(), 0);
  EXPECT_EQ(answer.queue_wait().nanos(), 0);
  request_.set_priority(101);
  EXPECT_EQ(ReasonOf(Predict().status()), "PRIORITY_INVALID");
}

// A linear head: its logit is its bias plus what the places add, so that
// nothing but the bias may be left over. Each view of eight has its part.
class HeatMapTest : public ServingTest,
                    public testing::WithParamInterface<int> {};

TEST_P(HeatMapTest, AddsUpToTheAnswersLogitLessTheHeadsBias) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/64);
  MakeModel("vgg16", /*seed=*/0,
            [](v1::ExtractRequest& extract, v1::TrainRequest& train) {
              extract.set_views(GetParam());
              train.set_views(GetParam());
              // Not rounded: a sum of activations, and nothing but that.
              extract.set_values("fp32");
              train.set_values("fp32");
              train.set_hidden(0);
            });
  const v1::PredictResponse plain = Predict().value();
  EXPECT_FALSE(plain.has_heat_map());
  request_.set_heat_map(true);
  const v1::PredictResponse answer = Predict().value();
  EXPECT_EQ(answer.probability(), plain.probability());
  const v1::HeatMap& map = answer.heat_map();
  // VGG16's block5_pool is 1/32 of its input.
  ASSERT_EQ(map.width(), 2);
  ASSERT_EQ(map.height(), 2);
  ASSERT_EQ(map.contributions_size(), 4);
  // Four validation cases a class calibrate nothing, so that the logit is
  // known.
  ASSERT_EQ(GetModel().calibration().method(), "none");
  const double p = answer.probability();
  const double sum = std::accumulate(map.contributions().begin(),
                                     map.contributions().end(), 0.0);
  const double bias = GetModel().head().b2();
  EXPECT_NEAR(sum, std::log(p / (1 - p)) - bias, 1e-3);
  EXPECT_NEAR(map.base(), bias, 1e-3);
  const auto drawn = DecodeImage(map.overlay_png());
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->width, 64);
}

INSTANTIATE_TEST_SUITE_P(OfViews, HeatMapTest, testing::Values(1, 8));

TEST_F(ServingTest, TheNearestTrainingCaseOfATrainingImageIsItself) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  request_.set_image(NoisePng(90, 1));  // m1, of the split train
  EXPECT_EQ(Predict().value().nearest_size(), 0);
  request_.set_nearest(3);
  const v1::PredictResponse answer = Predict().value();
  ASSERT_EQ(answer.nearest_size(), 3);
  EXPECT_EQ(answer.nearest(0).id(), "m1");
  EXPECT_EQ(answer.nearest(0).label(), "melanoma");
  EXPECT_EQ(answer.nearest(0).image_digest(), answer.image_digest());
  EXPECT_EQ(answer.nearest(0).distance(), 0);
  EXPECT_GT(answer.nearest(1).distance(), 0);
  EXPECT_LE(answer.nearest(1).distance(), answer.nearest(2).distance());
  request_.set_nearest(100);
  EXPECT_EQ(Predict().value().nearest_size(), 16);  // all there are
  request_.set_nearest(101);
  EXPECT_EQ(ReasonOf(Predict().status()), "NEAREST_INVALID");
}

TEST_F(ServingTest, WhatIsUnlikeTrainingIsAbstainedFrom) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  // Before the model is loaded.
  platform_.ChangeModel(1, [](v1::Model& model) {
    model.mutable_head()->mutable_ood()->set_threshold(1e-3);
  });
  const v1::PredictResponse answer = Predict().value();
  EXPECT_TRUE(answer.abstain());
  EXPECT_EQ(answer.abstain_reason(), "OUT_OF_DISTRIBUTION");
  EXPECT_EQ(answer.decision(), "cannot tell");
  EXPECT_GT(answer.ood_distance(), 1e-3);
  EXPECT_EQ(answer.probability(), FromStoredFeature());
  EXPECT_EQ(answer.quality().shorter_side(), 64);
}

TEST_F(ServingTest, AValidationImageIsFamiliar) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  // Of eight rows 2 % is none: the threshold is the farthest one's distance.
  const v1::PredictResponse answer = Predict().value();
  EXPECT_FALSE(answer.abstain()) << answer.abstain_message();
  EXPECT_GT(answer.ood_distance(), 0);
  EXPECT_LE(answer.ood_distance(), answer.ood_threshold());
}

TEST_F(ServingTest, AnAliasIsFollowedAndTheOperatingPointIsChosen) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  request_.clear_version();
  request_.set_alias("production");
  EXPECT_THAT(Predict(), StatusIs(absl::StatusCode::kNotFound, ""));
  platform_.SetAlias("melanoma", "production", 1);
  request_.set_operating_point("sensitivity_95");
  EXPECT_EQ(Predict().value().model(), "melanoma@1");
  EXPECT_EQ(Predict().value().operating_point(), "sensitivity_95");
  request_.set_operating_point("bayes");
  const absl::Status status = Predict().status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                               "youden, sensitivity_95"));
  EXPECT_EQ(ReasonOf(status), "OPERATING_POINT_UNKNOWN");
}

TEST_F(ServingTest, WhatIsNoImageOrNamesNoModelIsRefused) {
  const std::string image = request_.image();
  request_.set_image("");
  EXPECT_EQ(ReasonOf(Predict().status()), "IMAGE_EMPTY");
  request_.set_image("GIF89a and more");
  EXPECT_EQ(ReasonOf(Predict().status()), "IMAGE_FORMAT_UNSUPPORTED");
  request_.set_image(image);
  EXPECT_THAT(Predict(), StatusIs(absl::StatusCode::kNotFound, "model"));
  request_.set_alias("production");
  EXPECT_EQ(ReasonOf(Predict().status()), "MODEL_REFERENCE_INVALID");
}

TEST_F(ServingTest, ADamagedImageIsTheCallersFaultAndSpoilsNothing) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  const std::string image = request_.image();
  request_.set_image(image.substr(0, image.size() / 2));
  EXPECT_THAT(Predict(), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  request_.set_image(image);
  EXPECT_THAT(Predict(), IsOk());
}

TEST_F(ServingTest, AModelOfAnotherFeatureSpaceIsRefusedUntilItIsRight) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  const std::string right = GetModel().space().digest();
  platform_.ChangeModel(1, [](v1::Model& model) {
    model.mutable_space()->set_digest(std::string(64, '0'));
  });
  EXPECT_EQ(ReasonOf(Predict().status()), "FEATURE_SPACE_MISMATCH");
  platform_.ChangeModel(
      1, [&](v1::Model& model) { model.mutable_space()->set_digest(right); });
  EXPECT_THAT(Predict(), IsOk());
}

}  // namespace
}  // namespace nevus
