// The extraction service and its handler over real in-process channels.
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/arithmetic.h"
#include "compute/feature/arithmetic_choice.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/extraction/extraction_handler.h"
#include "services/runtime/peer_reads.h"
#include "services/testing/fake_platform.h"
#include "services/testing/png.h"

namespace nevus {
namespace {

constexpr int kInputSize = 32;
constexpr int kDimension = 64;  // channels of block1_pool

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// A feature store whose disk takes so many writes and is full then.
class FullFeatures final : public v1::FeatureService::Service {
 public:
  explicit FullFeatures(int writes) : writes_(writes) {}

  grpc::Status FindMissing(grpc::ServerContext*,
                           const v1::FindMissingRequest* request,
                           v1::FindMissingResponse* response) override {
    *response->mutable_image_digests() = request->image_digests();
    return grpc::Status::OK;
  }
  grpc::Status WriteFeatures(grpc::ServerContext*,
                             const v1::WriteFeaturesRequest*,
                             v1::WriteFeaturesResponse*) override {
    if (writes_-- > 0) return grpc::Status::OK;
    return ToGrpc(
        WithReason(absl::ResourceExhaustedError("no space left"), "DISK_FULL"));
  }

 private:
  std::atomic<int> writes_;
};

class ExtractionTest : public ::testing::Test {
 protected:
  ExtractionTest() {
    platform_.AddVgg16("vgg16", /*seed=*/7, kInputSize);
    request_.set_dataset("isic");
    request_.set_version(1);
    request_.set_backbone("vgg16");
    request_.set_cut("block1_pool");
    request_.set_precision("fp32");
  }

  void AddImages(int count) {
    for (int i = 0; i < count; ++i) {
      images_.push_back(
          platform_.AddExample("e" + std::to_string(images_.size()), v1::TRAIN,
                               "nevus", NoisePng(128, images_.size())));
    }
  }

  absl::StatusOr<v1::Job> Extract() {
    grpc::ClientContext context;
    v1::Job job;
    const absl::Status status =
        FromGrpc(platform_.features()->Extract(&context, request_, &job));
    if (!status.ok()) return status;
    return job;
  }

  FakePlatform platform_;
  std::unique_ptr<TaskHandler> handler_ =
      NewExtractionHandler(platform_.peers(), /*threads=*/1);
  v1::ExtractRequest request_;
  std::vector<std::string> images_;
};

TEST_F(ExtractionTest,
       AJobComputesEachMissingImageOnceAndTheNextHasNothingToDo) {
  AddImages(20);
  // A second row with the first one's image.
  platform_.AddExample("twin", v1::TRAIN, "nevus", NoisePng(128, 0));
  const v1::Job job = Extract().value();
  EXPECT_EQ(job.kind(), v1::EXTRACTION);
  EXPECT_EQ(job.title(), "extract isic@1 with vgg16/block1_pool");
  ASSERT_EQ(job.tasks_size(), 1);
  EXPECT_EQ(job.tasks(0).progress().total(), 20);
  EXPECT_EQ(job.tasks(0).progress().unit(), "images");
  const std::string space = platform_.RunJob(job, *handler_).value();
  EXPECT_EQ(space, job.result());

  const std::vector<float> features =
      ReadFeatures(platform_.peers(), space, kDimension, images_, nullptr)
          .value();
  EXPECT_EQ(features.size(), images_.size() * kDimension);
  EXPECT_EQ(Extract().value().tasks_size(), 0);
}

TEST_F(ExtractionTest, SeveralCutsAreOneSpaceOfJoinedFeatures) {
  AddImages(2);
  const auto features = [&](const std::string& cut, int dimension) {
    request_.set_cut(cut);
    const auto space = platform_.RunJob(Extract().value(), *handler_);
    EXPECT_THAT(space, IsOk());
    return ReadFeatures(platform_.peers(), *space, dimension, images_, nullptr)
        .value();
  };
  const std::vector<float> late = features("block2_pool", 128);
  const std::vector<float> early = features("block1_pool", 64);
  std::vector<float> joined;
  for (int i = 0; i < 2; ++i) {
    joined.insert(joined.end(), &late[128 * i], &late[128 * i] + 128);
    joined.insert(joined.end(), &early[64 * i], &early[64 * i] + 64);
  }
  EXPECT_EQ(features("block2_pool,block1_pool", 192), joined);
}

TEST_F(ExtractionTest, ImagesThatCameLaterAreTheOnlyOnesComputed) {
  AddImages(5);
  ASSERT_THAT(platform_.RunJob(Extract().value(), *handler_), IsOk());
  AddImages(3);
  const v1::Job job = Extract().value();
  ASSERT_EQ(job.tasks_size(), 1);
  const auto& digests = job.tasks(0).spec().extract().image_digests();
  EXPECT_EQ(std::set<std::string>(digests.begin(), digests.end()),
            std::set<std::string>(images_.begin() + 5, images_.end()));
}

TEST_F(ExtractionTest, WhatANameDoesNotNameIsAnError) {
  AddImages(1);
  request_.set_version(0);
  EXPECT_THAT(Extract(), StatusIs(absl::StatusCode::kInvalidArgument, "Seal"));
  request_.set_version(2);
  EXPECT_THAT(Extract(), StatusIs(absl::StatusCode::kNotFound, ""));
  request_.set_version(1);
  request_.set_cut("block9_pool");
  EXPECT_EQ(ReasonOf(Extract().status()), "CUT_UNKNOWN");
  request_.set_cut("");
  request_.set_pooling("median");
  EXPECT_EQ(ReasonOf(Extract().status()), "POOLING_UNKNOWN");
  request_.set_pooling("");
  request_.set_precision("fp13");
  EXPECT_EQ(ReasonOf(Extract().status()), "ARITHMETIC_UNKNOWN");
  request_.set_precision("");
  request_.set_backbone("nobody");
  EXPECT_THAT(Extract(), StatusIs(absl::StatusCode::kNotFound, "backbone"));
}

TEST_F(ExtractionTest, ATaskBegunByAnotherWorkerGoesOnWhereItStopped) {
  AddImages(20);
  const v1::Job job = Extract().value();
  FakeTaskContext first(job.id(), /*fencing_token=*/1);
  first.CancelAtDone(8);
  EXPECT_THAT(handler_->Run(job.tasks(0).spec(), first),
              StatusIs(absl::StatusCode::kCancelled, "cancelled"));
  FakeTaskContext second(job.id(), /*fencing_token=*/2);
  EXPECT_THAT(handler_->Run(job.tasks(0).spec(), second), IsOk());
  EXPECT_EQ(second.reports().front().done(), 8);
  EXPECT_EQ(second.reports().back().done(), 20);
  EXPECT_EQ(second.reports().back().unit(), "images");
}

TEST_F(ExtractionTest, SaysInItsLogWhatItLoadedAndHowFastItWas) {
  AddImages(10);
  const v1::Job job = Extract().value();
  FakeTaskContext first(job.id());
  ASSERT_THAT(handler_->Run(job.tasks(0).spec(), first), IsOk());
  EXPECT_THAT(
      first.log(),
      ElementsAre(
          testing::AllOf(HasSubstr("loaded"), HasSubstr("fp32 on 1 threads"),
                         HasSubstr(job.tasks(0).spec().extract().backbone())),
          HasSubstr("a shard of 10 images, 10 of them"),
          HasSubstr("10 images in")));
  // The network is there already, and so are the features.
  FakeTaskContext second(job.id());
  ASSERT_THAT(handler_->Run(job.tasks(0).spec(), second), IsOk());
  EXPECT_THAT(second.log(),
              ElementsAre(HasSubstr("a shard of 10 images, 0 of them"),
                          HasSubstr("0 images in")));
}

TEST_F(ExtractionTest, CancelIsHeardBetweenTwoImagesAndFreesTheNetwork) {
  AddImages(20);
  const v1::Job job = Extract().value();
  FakeTaskContext cancelled(job.id(), /*fencing_token=*/1);
  // Asked once when the network is loaded, then by the extractor.
  cancelled.CancelAtAsk(4);
  EXPECT_THAT(handler_->Run(job.tasks(0).spec(), cancelled),
              StatusIs(absl::StatusCode::kCancelled, "cancelled"));
  EXPECT_THAT(cancelled.log().front(), HasSubstr("loaded"));
  // No group was done, so none was written; and the network is loaded anew.
  FakeTaskContext next(job.id(), /*fencing_token=*/2);
  EXPECT_THAT(handler_->Run(job.tasks(0).spec(), next), IsOk());
  EXPECT_THAT(next.log().front(), HasSubstr("loaded"));
  EXPECT_EQ(next.reports().front().done(), 0);
}

TEST_F(ExtractionTest, AFullDiskEndsATaskAtWhatIsWrittenWithItsReason) {
  AddImages(20);  // three groups: of the second write on, nothing fits
  const v1::Job job = Extract().value();
  FullFeatures full(/*writes=*/1);
  grpc::ServerBuilder builder;
  builder.RegisterService(&full);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  Peers peers{ServiceAddresses()};
  peers.Host({"ingestion", "registry"}, platform_.server());
  peers.Host({"extraction"}, *server);
  FakeTaskContext context(job.id());
  const absl::Status status = NewExtractionHandler(peers, /*threads=*/1)
                                  ->Run(job.tasks(0).spec(), context)
                                  .status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kResourceExhausted, "no space left"));
  EXPECT_EQ(ReasonOf(status), "DISK_FULL");
  EXPECT_EQ(context.reports().back().done(), 8);
}

TEST_F(ExtractionTest, AWorkerThatLostItsLeaseStoresNothing) {
  AddImages(16);
  const v1::Job job = Extract().value();
  FakeTaskContext newer(job.id(), /*fencing_token=*/2);
  newer.CancelAtDone(8);
  ASSERT_THAT(handler_->Run(job.tasks(0).spec(), newer),
              StatusIs(absl::StatusCode::kCancelled, ""));
  FakeTaskContext older(job.id(), /*fencing_token=*/1);
  EXPECT_EQ(ReasonOf(handler_->Run(job.tasks(0).spec(), older).status()),
            "FENCING_TOKEN_STALE");
}

TEST_F(ExtractionTest, AStoredImageThatDoesNotDecodeIsDataLossNamingIt) {
  AddImages(2);
  platform_.ReplaceImage(images_[1], "no image any more");
  const absl::Status status =
      platform_.RunJob(Extract().value(), *handler_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, images_[1]));
  EXPECT_EQ(ReasonOf(status), "STORED_IMAGE_BAD");
}

TEST_F(ExtractionTest, AnotherSpaceThanTheTasksIsNeverFilled) {
  AddImages(1);
  v1::Job job = Extract().value();
  job.mutable_tasks(0)->mutable_spec()->mutable_extract()->set_space(
      std::string(64, '0'));
  const absl::Status status = platform_.RunJob(job, *handler_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, ""));
  EXPECT_EQ(ReasonOf(status), "FEATURE_SPACE_MISMATCH");
}

TEST_F(ExtractionTest, WeightsThatAreNotThoseOfTheDigestAreDataLoss) {
  AddImages(1);
  const v1::Job job = Extract().value();
  platform_.ChangeBackbone("vgg16",
                           [](v1::Backbone& b) { b.set_random_seed(8); });
  const absl::Status status = platform_.RunJob(job, *handler_).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "Import"));
  EXPECT_EQ(ReasonOf(status), "BACKBONE_DAMAGED");
}

// The ranges in the tasks of a job, as the service cut them.
const auto& CalibrationOf(const v1::Job& job) {
  return job.tasks(0).spec().extract().calibration();
}

TEST_F(ExtractionTest, Int8IsCalibratedOnceOnTheDatasetsImages) {
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  AddImages(3);
  const std::string exact =
      platform_.RunJob(Extract().value(), *handler_).value();
  request_.set_precision("int8");
  const v1::Job job = Extract().value();
  ASSERT_EQ(CalibrationOf(job).size(), 3);  // two convolutions and a pool
  EXPECT_EQ(CalibrationOf(job)[0].layer(), "block1_conv1");
  EXPECT_GT(CalibrationOf(job)[0].range(), 0);
  const std::string space = platform_.RunJob(job, *handler_).value();
  EXPECT_NE(space, exact);
  const auto features = [&](const std::string& of) {
    return ReadFeatures(platform_.peers(), of, kDimension, images_, nullptr)
        .value();
  };
  const std::vector<float> wanted = features(exact), found = features(space);
  double difference = 0, size = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    difference += std::pow(found[i] - wanted[i], 2);
    size += std::pow(wanted[i], 2);
  }
  EXPECT_LT(std::sqrt(difference / size), LargestError(Arithmetic::kInt8));
  EXPECT_GT(difference, 0);

  // Images that come later do not move the ranges: features stay.
  AddImages(2);
  const v1::Job later = Extract().value();
  EXPECT_EQ(later.result(), space);
  EXPECT_EQ(later.tasks(0).spec().extract().image_digests_size(), 2);
}

TEST_F(ExtractionTest, RangesThatAreNotTheSpacesAreRefused) {
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (!supported.ok()) GTEST_SKIP() << "skipped: " << supported.message();
  AddImages(1);
  request_.set_precision("int8");
  v1::Job job = Extract().value();
  v1::ExtractTask& task =
      *job.mutable_tasks(0)->mutable_spec()->mutable_extract();
  task.mutable_calibration(0)->set_range(1);
  EXPECT_EQ(ReasonOf(platform_.RunJob(job, *handler_).status()),
            "FEATURE_SPACE_MISMATCH");
}

TEST_F(ExtractionTest, AutoIsSettledOnceAndSaysWhy) {
  AddImages(3);
  request_.set_precision("auto");
  const v1::Job job = Extract().value();
  const v1::ExtractTask& task = job.tasks(0).spec().extract();
  EXPECT_THAT(task.arithmetic_reason(),
              HasSubstr("auto took " + task.arithmetic() + ": fp32 "));
  FakeTaskContext context(job.id());
  ASSERT_THAT(handler_->Run(job.tasks(0).spec(), context), IsOk());
  EXPECT_THAT(context.log(), Contains(task.arithmetic_reason()));

  // Training asks by the dataset and gets what extraction settled.
  v1::ResolveFeatureSpaceRequest resolve;
  resolve.set_backbone("vgg16");
  resolve.set_cut("block1_pool");
  resolve.set_dataset("isic");
  resolve.set_version(1);
  grpc::ClientContext call;
  v1::FeatureSpace space;
  ASSERT_THAT(FromGrpc(platform_.features()->ResolveFeatureSpace(&call, resolve,
                                                                 &space)),
              IsOk());
  EXPECT_EQ(space.digest(), job.result());
}

TEST_F(ExtractionTest, WhatWasNeverCalibratedIsNotFound) {
  AddImages(1);
  request_.set_calibrated_on("ham10000");
  for (const char* precision : {"auto", "int8"}) {
    request_.set_precision(precision);
    const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
    if (precision == std::string("int8") && !supported.ok()) continue;
    EXPECT_EQ(ReasonOf(Extract().status()), "CALIBRATION_NOT_FOUND");
  }
}

TEST_F(ExtractionTest, TheTestSplitCalibratesNothing) {
  platform_.AddExample("sealed", v1::TEST, "nevus", NoisePng(128, 0));
  request_.set_precision("int8");
  const absl::Status supported = CheckArithmeticSupported(Arithmetic::kInt8);
  if (supported.ok()) {
    EXPECT_EQ(ReasonOf(Extract().status()), "CALIBRATION_IMPOSSIBLE");
  }
  request_.set_precision("auto");
  const v1::Job job = Extract().value();
  EXPECT_TRUE(CalibrationOf(job).empty());
  EXPECT_THAT(job.tasks(0).spec().extract().arithmetic_reason(),
              HasSubstr("untried"));
}

TEST_F(ExtractionTest, SpacesAreListedAndUnknownOnesAreNotFound) {
  AddImages(1);
  ASSERT_THAT(platform_.RunJob(Extract().value(), *handler_), IsOk());
  grpc::ClientContext list_context;
  v1::ListFeatureSpacesResponse spaces;
  ASSERT_THAT(FromGrpc(platform_.features()->ListFeatureSpaces(&list_context,
                                                               {}, &spaces)),
              IsOk());
  ASSERT_EQ(spaces.spaces_size(), 1);
  EXPECT_EQ(spaces.spaces(0).dimension(), kDimension);
  EXPECT_EQ(spaces.spaces(0).features(), 1);

  grpc::ClientContext get_context;
  v1::GetFeatureSpaceRequest get;
  get.set_digest(std::string(64, 'a'));
  v1::FeatureSpace space;
  EXPECT_THAT(FromGrpc(platform_.features()->GetFeatureSpace(&get_context, get,
                                                             &space)),
              StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(ExtractionTest, WhatStandsBeforeAMissingFeatureIsRead) {
  AddImages(9);
  const std::string space =
      platform_.RunJob(Extract().value(), *handler_).value();
  // Not the first of its request, whichever that is (peer_reads.cc).
  images_.insert(images_.begin() + 8, std::string(64, 'a'));
  int read = 0;
  EXPECT_THAT(
      ReadPackedFeatures(platform_.peers(), space, kDimension, images_, nullptr,
                         [&](auto) { return ++read, absl::OkStatus(); }),
      StatusIs(absl::StatusCode::kNotFound, "aaaa"));
  EXPECT_EQ(read, 8);
}

TEST_F(ExtractionTest, ViewsAndValuesMakeSpacesOfTheirOwn) {
  AddImages(2);
  const std::string plain =
      platform_.RunJob(Extract().value(), *handler_).value();
  request_.set_views(8);
  const std::string turned =
      platform_.RunJob(Extract().value(), *handler_).value();
  request_.set_values("fp32");
  const std::string whole =
      platform_.RunJob(Extract().value(), *handler_).value();
  EXPECT_EQ(std::set<std::string>({plain, turned, whole}).size(), 3u);
  const auto read = [&](const std::string& space) {
    return ReadFeatures(platform_.peers(), space, kDimension, images_, nullptr)
        .value();
  };
  EXPECT_NE(read(plain), read(turned));
  // fp16 keeps 11 bits: each number is off by at most 2^-11 of itself, and the
  // small ones, which have fewer, by half of the smallest, 2^-24.
  const std::vector<float> rounded = read(turned), exact = read(whole);
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_NEAR(rounded[i], exact[i], std::max(0x1p-11 * exact[i], 0x1p-25));
  }
  request_.set_views(3);
  EXPECT_EQ(ReasonOf(Extract().status()), "VIEWS_INVALID");
  request_.set_views(1);
  request_.set_values("int4");
  EXPECT_EQ(ReasonOf(Extract().status()), "FEATURE_VALUES_UNKNOWN");
}

TEST_F(ExtractionTest, ASpaceIsDeletedWhenNoModelAndNoJobNeedsIt) {
  AddImages(3);
  const v1::Job job = Extract().value();
  const std::string space = platform_.RunJob(job, *handler_).value();
  const auto remove = [&] {
    grpc::ClientContext context;
    v1::DeleteFeatureSpaceRequest request;
    request.set_digest(space);
    v1::DeleteFeatureSpaceResponse response;
    return FromGrpc(
        platform_.features()->DeleteFeatureSpace(&context, request, &response));
  };
  const auto list = [&] {
    grpc::ClientContext context;
    v1::ListFeatureSpacesRequest request;
    request.set_with_users(true);
    v1::ListFeatureSpacesResponse response;
    EXPECT_THAT(FromGrpc(platform_.features()->ListFeatureSpaces(
                    &context, request, &response)),
                IsOk());
    return response;
  };
  v1::RegisterModelRequest model;
  model.mutable_model()->set_name("melanoma");
  model.mutable_model()->mutable_space()->set_digest(space);
  model.mutable_lease()->set_job("j-9");
  v1::Model registered;
  {
    grpc::ClientContext context;
    ASSERT_THAT(FromGrpc(platform_.models()->RegisterModel(&context, model,
                                                           &registered)),
                IsOk());
  }
  ASSERT_EQ(list().spaces_size(), 1);
  EXPECT_EQ(list().spaces(0).backbone(), "vgg16");
  EXPECT_THAT(list().spaces(0).models(), ElementsAre("melanoma@1"));
  // 8 bytes of checksum, a code and halves.
  EXPECT_EQ(list().spaces(0).stored_bytes(), 3 * (9 + 2 * kDimension));
  EXPECT_THAT(remove(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "model melanoma@1 needs it"));
  EXPECT_EQ(ReasonOf(remove()), "FEATURE_SPACE_IN_USE");

  platform_.ChangeModel(1, [](v1::Model& changed) {
    changed.mutable_space()->set_digest(std::string(64, 'b'));
  });
  AddImages(1);
  const v1::Job waiting = Extract().value();
  EXPECT_THAT(remove(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "job " + waiting.id()));
  platform_.EndJob(waiting.id(), v1::CANCELLED, "");
  ASSERT_THAT(remove(), IsOk());
  EXPECT_EQ(list().spaces_size(), 0);
  EXPECT_EQ(ReasonOf(remove()), "FEATURE_SPACE_NOT_FOUND");
  // And can be computed again.
  ASSERT_THAT(platform_.RunJob(Extract().value(), *handler_), IsOk());
  EXPECT_EQ(list().spaces(0).features(), 4);
}

}  // namespace
}  // namespace nevus
