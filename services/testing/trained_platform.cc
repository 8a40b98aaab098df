#include "services/testing/trained_platform.h"

#include <grpcpp/client_context.h>

#include <string>

#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/extraction/extraction_handler.h"
#include "services/testing/png.h"
#include "services/training/training_handler.h"

namespace nevus {

void TrainMelanoma(FakePlatform& platform, uint64_t seed) {
  if (platform.jobs().empty()) {
    for (int i = 0; i < 12; ++i) {
      const v1::Split split = i % 3 == 0 ? v1::VALIDATION : v1::TRAIN;
      platform.AddExample("m" + std::to_string(i), split, "melanoma",
                          NoisePng(90, i));
      platform.AddExample("n" + std::to_string(i), split, "nevus",
                          NoisePng(160, 100 + i));
    }
    platform.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
    grpc::ClientContext context;
    v1::ExtractRequest extract;
    extract.set_dataset("isic");
    extract.set_version(1);
    extract.set_backbone("vgg16");
    v1::Job job;
    ASSERT_THAT(FromGrpc(platform.features()->Extract(&context, extract, &job)),
                IsOk());
    ASSERT_THAT(
        platform.RunJob(job, *NewExtractionHandler(platform.peers(), 1)),
        IsOk());
  }
  grpc::ClientContext context;
  v1::TrainRequest train;
  train.set_dataset("isic");
  train.set_version(1);
  train.set_backbone("vgg16");
  train.set_model("melanoma");
  train.set_positive("melanoma");
  train.set_seed(seed);
  v1::Job job;
  ASSERT_THAT(FromGrpc(platform.training()->Train(&context, train, &job)),
              IsOk());
  ASSERT_THAT(platform.RunJob(job, *NewTrainingHandler(platform.peers())),
              IsOk());
}

}  // namespace nevus
