// The Open Inference Protocol over a real in-process channel.
#include "services/serving/inference_service.h"

#include <grpcpp/client_context.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/version.h"
#include "gtest/gtest.h"
#include "services/serving/serving_fixture.h"

namespace nevus {
namespace {

using Stub = inference::GRPCInferenceService::Stub;

class InferenceServiceTest : public ServingTest {
 protected:
  InferenceServiceTest()
      : stub_(inference::GRPCInferenceService::NewStub(
            platform_.peers().ChannelTo("serving"))) {}

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    grpc::ClientContext context;
    Response response;
    RETURN_IF_ERROR(
        FromGrpc((stub_.get()->*method)(&context, request, &response)));
    return response;
  }

  void MakeProduction() {
    platform_.AddVgg16("vgg16", /*seed=*/7, /*input_size=*/32);
    MakeModel("vgg16");
    platform_.SetAlias("melanoma", "production", 1);
  }
  absl::StatusOr<bool> Ready(const std::string& version) {
    inference::ModelReadyRequest request;
    request.set_name("melanoma");
    request.set_version(version);
    ASSIGN_OR_RETURN(const inference::ModelReadyResponse response,
                     Call(&Stub::ModelReady, request));
    return response.ready();
  }
  inference::ModelStatistics Statistics() {
    inference::ModelStatisticsRequest request;
    request.set_name("melanoma");
    return Call(&Stub::ModelStatistics, request).value().model_stats(0);
  }
  // A batch is counted when its last image has been answered.
  void AwaitBatches(uint64_t count) {
    while (Statistics().execution_count() < count) std::this_thread::yield();
    EXPECT_EQ(Statistics().execution_count(), count);
  }
  static inference::ModelInferRequest OfImages(
      const std::vector<std::string>& images) {
    inference::ModelInferRequest request;
    request.set_model_name("melanoma");
    auto& input = *request.add_inputs();
    input.set_name("image");
    input.set_datatype("BYTES");
    input.add_shape(static_cast<int64_t>(images.size()));
    for (const std::string& image : images) {
      input.mutable_contents()->add_bytes_contents(image);
    }
    return request;
  }

  std::unique_ptr<Stub> stub_;
};

TEST_F(InferenceServiceTest, TheServerSaysWhatItIs) {
  EXPECT_TRUE(Call(&Stub::ServerLive, inference::ServerLiveRequest())->live());
  EXPECT_TRUE(
      Call(&Stub::ServerReady, inference::ServerReadyRequest())->ready());
  const auto metadata =
      Call(&Stub::ServerMetadata, inference::ServerMetadataRequest()).value();
  EXPECT_EQ(metadata.name(), "nevus");
  EXPECT_EQ(metadata.version(), kVersion);
  ASSERT_EQ(metadata.extensions_size(), 2);
  EXPECT_EQ(metadata.extensions(0), "statistics");
  EXPECT_EQ(metadata.extensions(1), "model_repository");
}

TEST_F(InferenceServiceTest, AskingWhetherAModelIsReadyLoadsIt) {
  MakeProduction();
  while (!Ready("1").value()) std::this_thread::yield();
  EXPECT_TRUE(Ready("").value());
  EXPECT_TRUE(Ready("production").value());
  EXPECT_THAT(Ready("candidate"), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(InferenceServiceTest, AnAnswerHasTheBitsOfOurOwnApi) {
  MakeProduction();
  const double ours = Predict()->probability();
  auto request = OfImages({request_.image(), NoisePng(160, 101)});
  request.add_outputs()->set_name("probability");
  request.add_outputs()->set_name("embedding");
  const auto answer = Call(&Stub::ModelInfer, request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->model_version(), "1");
  const v1::Model model = GetModel();
  const auto& parameters = answer->parameters();
  EXPECT_EQ(parameters.at("model_digest").string_param(), model.digest());
  EXPECT_EQ(parameters.at("feature_space").string_param(),
            model.space().digest());
  EXPECT_EQ(parameters.at("operating_point").string_param(), "youden");
  EXPECT_TRUE(parameters.at("synthetic").bool_param());
  const auto& probability = answer->outputs(0);
  EXPECT_EQ(probability.contents().fp32_contents(0), static_cast<float>(ours));
  EXPECT_EQ(probability.shape(0), 2);
  const auto& embedding = answer->outputs(1);
  ASSERT_EQ(embedding.contents().fp32_contents_size(), 2 * 512);
  const Classifier classifier = ToClassifier(model).value();
  EXPECT_EQ(Judge(classifier, embedding.contents().fp32_contents().data())
                .probability,
            ours);
}

TEST_F(InferenceServiceTest, ACallWhoseTimeIsUpIsNotComputed) {
  MakeProduction();
  ASSERT_THAT(Predict(), IsOk());
  AwaitBatches(3);  // two golden answers and this one
  // Of the server's clock: gRPC's own sees an hour left.
  platform_.clock().Advance(absl::Hours(24 * 36500));
  grpc::ClientContext context;
  SetTimeout(context, absl::Hours(1));
  inference::ModelInferResponse response;
  EXPECT_THAT(FromGrpc(stub_->ModelInfer(&context, OfImages({request_.image()}),
                                         &response)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
  EXPECT_EQ(Statistics().inference_stats().fail().count(), 1u);
  EXPECT_THAT(Predict(), IsOk()) << "a call without a deadline";
  AwaitBatches(4);
}

TEST_F(InferenceServiceTest, WhileItDrainsItIsLiveAndNotReadyAndRefuses) {
  MakeProduction();
  ASSERT_THAT(Predict(), IsOk());
  ASSERT_TRUE(Ready("1").value());
  platform_.StopServices();
  EXPECT_TRUE(Call(&Stub::ServerLive, inference::ServerLiveRequest())->live());
  EXPECT_FALSE(
      Call(&Stub::ServerReady, inference::ServerReadyRequest())->ready());
  EXPECT_FALSE(Ready("1").value());
  for (const absl::Status& refused :
       {Predict().status(),
        Call(&Stub::ModelInfer, OfImages({request_.image()})).status()}) {
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, ""));
    EXPECT_EQ(ReasonOf(refused), "DRAINING");
  }
}

TEST_F(InferenceServiceTest, OneBadImageIsNamedAndNoneIsAnswered) {
  MakeProduction();
  const std::string good = request_.image();
  const auto cut = OfImages({good, good.substr(0, good.size() / 2)});
  EXPECT_THAT(Call(&Stub::ModelInfer, cut).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, "image 2 of 2"));
  const auto none = OfImages({"GIF89a and more", good});
  const absl::Status status = Call(&Stub::ModelInfer, none).status();
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kInvalidArgument, "image 1 of 2"));
  EXPECT_EQ(ReasonOf(status), "IMAGE_FORMAT_UNSUPPORTED");
}

TEST_F(InferenceServiceTest, MetadataSayWhatGoesInAndOut) {
  MakeProduction();
  inference::ModelMetadataRequest request;
  request.set_name("melanoma");
  const auto metadata = Call(&Stub::ModelMetadata, request).value();
  EXPECT_EQ(metadata.versions(0), "1");
  ASSERT_EQ(metadata.inputs_size(), 1);
  EXPECT_EQ(metadata.inputs(0).name(), "image");
  EXPECT_EQ(metadata.inputs(0).shape(0), -1);
  ASSERT_EQ(metadata.outputs_size(), 5);
  EXPECT_EQ(metadata.outputs(3).name(), "embedding");
  EXPECT_EQ(metadata.outputs(3).shape(1), 512);
  EXPECT_EQ(metadata.outputs(4).name(), "heat_map");
  EXPECT_EQ(metadata.outputs(4).datatype(), "BYTES");
  EXPECT_EQ(metadata.outputs(4).shape_size(), 1);
}

TEST_F(InferenceServiceTest, EachImageGetsTheHeatMapThatOurOwnApiDraws) {
  MakeProduction();
  std::vector<std::string> images;
  std::vector<v1::PredictResponse> ours;
  for (int i = 0; i < 5; ++i) {
    images.push_back(NoisePng(90 + 20 * i, 200 + i));
    request_.set_image(images.back());
    request_.set_heat_map(true);
    ours.push_back(Predict().value());
  }
  auto request = OfImages(images);
  EXPECT_EQ(Call(&Stub::ModelInfer, request)->outputs_size(), 3);
  request.add_outputs()->set_name("heat_map");
  request.add_outputs()->set_name("probability");
  const auto answer = Call(&Stub::ModelInfer, request);
  ASSERT_THAT(answer, IsOk());
  const auto& maps = answer->outputs(0).contents().bytes_contents();
  ASSERT_EQ(maps.size(), 5);
  for (int i = 0; i < 5; ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(maps[i], ours[i].heat_map().overlay_png());
    EXPECT_EQ(answer->outputs(1).contents().fp32_contents(i),
              static_cast<float>(ours[i].probability()));
    EXPECT_TRUE(i == 0 || maps[i] != maps[0]);
  }
}

TEST_F(InferenceServiceTest, TheIndexAndTheStatisticsFollowWhatIsLoaded) {
  MakeProduction();
  inference::RepositoryIndexRequest index;
  auto models = Call(&Stub::RepositoryIndex, index).value();
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_EQ(models.models(0).state(), "UNAVAILABLE");
  inference::ModelStatisticsRequest statistics;
  statistics.set_name("melanoma");
  EXPECT_EQ(ReasonOf(Call(&Stub::ModelStatistics, statistics).status()),
            "MODEL_NOT_LOADED");

  ASSERT_THAT(Predict(), IsOk());
  ASSERT_THAT(Call(&Stub::ModelInfer, OfImages({request_.image()})), IsOk());
  index.set_ready(true);
  models = Call(&Stub::RepositoryIndex, index).value();
  ASSERT_EQ(models.models_size(), 1);
  EXPECT_EQ(models.models(0).state(), "READY");
  const auto answer = Call(&Stub::ModelStatistics, statistics).value();
  ASSERT_EQ(answer.model_stats_size(), 1);
  EXPECT_EQ(answer.model_stats(0).version(), "1");
  EXPECT_EQ(answer.model_stats(0).inference_count(), 2u);
  EXPECT_EQ(answer.model_stats(0).inference_stats().queue().count(), 2u);
}

}  // namespace
}  // namespace nevus
