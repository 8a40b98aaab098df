// For tests of the serving service: a platform with a dataset of noise images,
// and models that the real extraction and training handlers make of it.
#ifndef NEVUS_SERVICES_SERVING_SERVING_FIXTURE_H_
#define NEVUS_SERVICES_SERVING_SERVING_FIXTURE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/classifier/classifier.h"
#include "gtest/gtest.h"
#include "services/extraction/extraction_handler.h"
#include "services/runtime/convert.h"
#include "services/runtime/hosted_service.h"
#include "services/runtime/peer_reads.h"
#include "services/testing/fake_platform.h"
#include "services/testing/png.h"
#include "services/training/training_handler.h"

namespace nevus {

class ServingTest : public ::testing::Test {
 protected:
  explicit ServingTest(const ServiceContext& options = ServiceContext())
      : platform_(options) {
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

  // Extracts and trains: the next version of melanoma. `change`, if given,
  // changes what is asked for.
  void MakeModel(const std::string& backbone, uint64_t seed = 0,
                 const std::function<void(v1::ExtractRequest&,
                                          v1::TrainRequest&)>& change = {}) {
    grpc::ClientContext extract_context;
    v1::ExtractRequest extract;
    extract.set_dataset("isic");
    extract.set_version(1);
    extract.set_backbone(backbone);
    v1::TrainRequest train;
    train.set_dataset("isic");
    train.set_version(1);
    train.set_backbone(backbone);
    train.set_model("melanoma");
    train.set_positive("melanoma");
    train.set_seed(seed);
    if (change != nullptr) change(extract, train);
    v1::Job job;
    ASSERT_THAT(FromGrpc(platform_.features()->Extract(&extract_context,
                                                       extract, &job)),
                IsOk());
    ASSERT_THAT(
        platform_.RunJob(job, *NewExtractionHandler(platform_.peers(), 1)),
        IsOk());
    grpc::ClientContext train_context;
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

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SERVING_FIXTURE_H_
