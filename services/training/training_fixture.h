// What the tests of training share: a platform with a dataset whose features
// are written by the test, so no network runs.
#ifndef NEVUS_SERVICES_TRAINING_TRAINING_FIXTURE_H_
#define NEVUS_SERVICES_TRAINING_TRAINING_FIXTURE_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/testing/call.h"
#include "services/testing/fake_platform.h"
#include "services/testing/png.h"
#include "services/training/evaluation_handler.h"
#include "services/training/training_handler.h"

namespace nevus {

// Two Gaussians, four standard deviations apart in one of 64 numbers, whose
// Bayes rule has an AUC of Phi(4 / sqrt(2)) = 0.998.
class TrainingTest : public ::testing::Test {
 protected:
  TrainingTest() {
    platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
    train_.set_dataset("isic");
    train_.set_version(1);
    train_.set_backbone("vgg16");
    train_.set_cut("block1_pool");
    train_.set_precision("fp32");
    train_.set_model("melanoma");
    train_.set_positive("melanoma");
    evaluate_.set_model("melanoma");
    evaluate_.set_model_version(1);
    evaluate_.set_dataset("isic");
    evaluate_.set_dataset_version(1);
    evaluate_.set_split("validation");
  }

  void AddRows(v1::Split split, const std::string& label, int count) {
    for (int i = 0; i < count; ++i) {
      const int n = rows_++;
      v1::Feature feature;
      feature.set_image_digest(platform_.AddExample(
          "e" + std::to_string(n), split, label, NoisePng(128, n)));
      const float shift = label == "melanoma" ? 0.5f : 0.0f;
      for (int j = 0; j < 64; ++j) {
        feature.add_values(shift + normal_(random_));
      }
      features_.push_back(feature);
    }
  }

  void WriteFeatures() {
    grpc::ClientContext resolve_context;
    v1::ResolveFeatureSpaceRequest resolve;
    resolve.set_backbone("vgg16");
    resolve.set_cut("block1_pool");
    resolve.set_precision("fp32");
    v1::WriteFeaturesRequest write;
    ASSERT_THAT(FromGrpc(platform_.features()->ResolveFeatureSpace(
                    &resolve_context, resolve, write.mutable_space())),
                IsOk());
    *write.mutable_features() = {features_.begin(), features_.end()};
    write.mutable_lease()->set_job("j-0");
    write.mutable_lease()->set_fencing_token(1);
    grpc::ClientContext context;
    v1::WriteFeaturesResponse response;
    ASSERT_THAT(FromGrpc(platform_.features()->WriteFeatures(&context, write,
                                                             &response)),
                IsOk());
  }

  // A dataset from which a model can be made, with its features.
  void AddAll() {
    AddRows(v1::TRAIN, "melanoma", 60);
    AddRows(v1::TRAIN, "nevus", 60);
    AddRows(v1::TRAIN, "keratosis", 60);
    AddRows(v1::VALIDATION, "melanoma", 40);
    AddRows(v1::VALIDATION, "nevus", 40);
    AddRows(v1::TEST, "melanoma", 20);
    AddRows(v1::TEST, "nevus", 20);
    WriteFeatures();
  }

  absl::StatusOr<v1::Job> Train() {
    return Call(*platform_.training(), &v1::TrainingService::Stub::Train,
                train_);
  }
  absl::StatusOr<v1::Job> Evaluate() {
    return Call(*platform_.training(), &v1::TrainingService::Stub::Evaluate,
                evaluate_);
  }
  absl::StatusOr<v1::Model> GetModel(int64_t version) {
    v1::GetModelRequest get;
    get.set_name("melanoma");
    get.set_version(version);
    return Call(*platform_.models(), &v1::ModelService::Stub::GetModel, get);
  }

  void TrainModel() {
    ASSERT_THAT(platform_.RunJob(Train().value(), *trainer_), IsOk());
  }

  FakePlatform platform_;
  std::unique_ptr<TaskHandler> trainer_ = NewTrainingHandler(platform_.peers());
  std::unique_ptr<TaskHandler> judge_ = NewEvaluationHandler(platform_.peers());
  v1::TrainRequest train_;
  v1::EvaluateRequest evaluate_;

 private:
  std::mt19937 random_{20240229};
  std::normal_distribution<float> normal_;
  int rows_ = 0;
  std::vector<v1::Feature> features_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TRAINING_FIXTURE_H_
