// The serving service over real in-process channels, on models that the real
// extraction and training handlers made.
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/classifier/classifier.h"
#include "compute/image/decode.h"
#include "gtest/gtest.h"
#include "services/extraction/extraction_handler.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"
#include "services/testing/fake_platform.h"
#include "services/testing/png.h"
#include "services/training/training_handler.h"

namespace nevus {
namespace {

class ServingTest : public ::testing::Test {
 protected:
  ServingTest() {
    for (int i = 0; i < 12; ++i) {
      const v1::Split split = i % 3 == 0 ? v1::VALIDATION : v1::TRAIN;
      platform_.AddExample("m" + std::to_string(i), split, "melanoma",
                           NoisePng(90, i));
      platform_.AddExample("n" + std::to_string(i), split, "nevus",
                           NoisePng(160, 100 + i));
    }
    request_.set_model("melanoma");
    request_.set_version(1);
    request_.set_image(NoisePng(90, 0));
  }

  // Extracts and trains: melanoma@1.
  void MakeModel(const std::string& backbone) {
    grpc::ClientContext extract_context;
    v1::ExtractRequest extract;
    extract.set_dataset("isic");
    extract.set_version(1);
    extract.set_backbone(backbone);
    v1::Job job;
    ASSERT_THAT(FromGrpc(platform_.features()->Extract(&extract_context,
                                                       extract, &job)),
                IsOk());
    ASSERT_THAT(
        platform_.RunJob(job, *NewExtractionHandler(platform_.peers(), 1)),
        IsOk());
    grpc::ClientContext train_context;
    v1::TrainRequest train;
    train.set_dataset("isic");
    train.set_version(1);
    train.set_backbone(backbone);
    train.set_model("melanoma");
    train.set_positive("melanoma");
    ASSERT_THAT(
        FromGrpc(platform_.training()->Train(&train_context, train, &job)),
        IsOk());
    ASSERT_THAT(platform_.RunJob(job, *NewTrainingHandler(platform_.peers())),
                IsOk());
  }

  absl::StatusOr<v1::PredictResponse> Predict() {
    grpc::ClientContext context;
    v1::PredictResponse response;
    const absl::Status status = FromGrpc(
        platform_.prediction()->Predict(&context, request_, &response));
    if (!status.ok()) return status;
    return response;
  }

  v1::Model GetModel() {
    grpc::ClientContext context;
    v1::GetModelRequest get;
    get.set_name("melanoma");
    get.set_version(1);
    v1::Model model;
    EXPECT_THAT(FromGrpc(platform_.models()->GetModel(&context, get, &model)),
                IsOk());
    return model;
  }

  // What an evaluation computes: the stored feature through the model's head.
  double FromStoredFeature() {
    const v1::Model model = GetModel();
    const Classifier classifier = ToClassifier(model).value();
    const std::vector<float> feature =
        ReadFeatures(platform_.peers(), model.space().digest(),
                     classifier.head.inputs, {Sha256Hex(request_.image())},
                     nullptr)
            .value();
    return Judge(classifier, feature.data()).probability;
  }

  FakePlatform platform_;
  v1::PredictRequest request_;
};

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

TEST_F(ServingTest, AHeatMapAddsUpToTheAnswersLogit) {
  platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
  MakeModel("vgg16");
  const v1::PredictResponse plain = Predict().value();
  EXPECT_FALSE(plain.has_heat_map());
  request_.set_heat_map(true);
  const v1::PredictResponse answer = Predict().value();
  EXPECT_EQ(answer.probability(), plain.probability());
  const v1::HeatMap& map = answer.heat_map();
  // VGG16's block5_pool is 1/32 of its input.
  ASSERT_EQ(map.width() * map.height(), 1);
  ASSERT_EQ(map.contributions_size(), 1);
  // Four validation cases a class calibrate nothing, so that the logit is known.
  ASSERT_EQ(GetModel().calibration().method(), "none");
  const double p = answer.probability();
  EXPECT_NEAR(map.base() + map.contributions(0), std::log(p / (1 - p)), 1e-4);
  const auto drawn = DecodeImage(map.overlay_png());
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->width, 64);
}

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
