// Our protos/inference/grpc_service.proto against the Open Inference Protocol:
// what a public client puts on the wire is what we read.
#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"

namespace nevus {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using testing::UnorderedElementsAreArray;

// By hand from the published files: of kserve/open-inference-protocol
// specification/protocol/open_inference_grpc.proto (29ca333), and for the
// statistics and the repository index of triton-inference-server/common
// protobuf/grpc_service.proto (02b8e9f).
constexpr const char* kFields[] = {
    "ServerLiveRequest {}",
    "ServerLiveResponse: bool live = 1",
    "ServerReadyRequest {}",
    "ServerReadyResponse: bool ready = 1",
    "ModelReadyRequest: string name = 1",
    "ModelReadyRequest: string version = 2",
    "ModelReadyResponse: bool ready = 1",
    "ServerMetadataRequest {}",
    "ServerMetadataResponse: string name = 1",
    "ServerMetadataResponse: string version = 2",
    "ServerMetadataResponse: repeated string extensions = 3",
    "ModelMetadataRequest: string name = 1",
    "ModelMetadataRequest: string version = 2",
    "ModelMetadataResponse.TensorMetadata: string name = 1",
    "ModelMetadataResponse.TensorMetadata: string datatype = 2",
    "ModelMetadataResponse.TensorMetadata: repeated int64 shape = 3",
    "ModelMetadataResponse: string name = 1",
    "ModelMetadataResponse: repeated string versions = 2",
    "ModelMetadataResponse: string platform = 3",
    "ModelMetadataResponse: repeated ModelMetadataResponse.TensorMetadata "
    "inputs = 4",
    "ModelMetadataResponse: repeated ModelMetadataResponse.TensorMetadata "
    "outputs = 5",
    "ModelInferRequest.InferInputTensor: string name = 1",
    "ModelInferRequest.InferInputTensor: string datatype = 2",
    "ModelInferRequest.InferInputTensor: repeated int64 shape = 3",
    "ModelInferRequest.InferInputTensor: map<string, InferParameter> "
    "parameters = 4",
    "ModelInferRequest.InferInputTensor: InferTensorContents contents = 5",
    "ModelInferRequest.InferRequestedOutputTensor: string name = 1",
    "ModelInferRequest.InferRequestedOutputTensor: map<string, "
    "InferParameter> parameters = 2",
    "ModelInferRequest: string model_name = 1",
    "ModelInferRequest: string model_version = 2",
    "ModelInferRequest: string id = 3",
    "ModelInferRequest: map<string, InferParameter> parameters = 4",
    "ModelInferRequest: repeated ModelInferRequest.InferInputTensor inputs = 5",
    "ModelInferRequest: repeated "
    "ModelInferRequest.InferRequestedOutputTensor outputs = 6",
    "ModelInferRequest: repeated bytes raw_input_contents = 7",
    "ModelInferResponse.InferOutputTensor: string name = 1",
    "ModelInferResponse.InferOutputTensor: string datatype = 2",
    "ModelInferResponse.InferOutputTensor: repeated int64 shape = 3",
    "ModelInferResponse.InferOutputTensor: map<string, InferParameter> "
    "parameters = 4",
    "ModelInferResponse.InferOutputTensor: InferTensorContents contents = 5",
    "ModelInferResponse: string model_name = 1",
    "ModelInferResponse: string model_version = 2",
    "ModelInferResponse: string id = 3",
    "ModelInferResponse: map<string, InferParameter> parameters = 4",
    "ModelInferResponse: repeated ModelInferResponse.InferOutputTensor "
    "outputs = 5",
    "ModelInferResponse: repeated bytes raw_output_contents = 6",
    "InferParameter: oneof parameter_choice bool bool_param = 1",
    "InferParameter: oneof parameter_choice int64 int64_param = 2",
    "InferParameter: oneof parameter_choice string string_param = 3",
    "InferParameter: oneof parameter_choice double double_param = 4",
    "InferParameter: oneof parameter_choice uint64 uint64_param = 5",
    "InferTensorContents: repeated bool bool_contents = 1",
    "InferTensorContents: repeated int32 int_contents = 2",
    "InferTensorContents: repeated int64 int64_contents = 3",
    "InferTensorContents: repeated uint32 uint_contents = 4",
    "InferTensorContents: repeated uint64 uint64_contents = 5",
    "InferTensorContents: repeated float fp32_contents = 6",
    "InferTensorContents: repeated double fp64_contents = 7",
    "InferTensorContents: repeated bytes bytes_contents = 8",
    // Triton's extensions.
    "ModelStatisticsRequest: string name = 1",
    "ModelStatisticsRequest: string version = 2",
    "StatisticDuration: uint64 count = 1",
    "StatisticDuration: uint64 ns = 2",
    "InferStatistics: StatisticDuration success = 1",
    "InferStatistics: StatisticDuration fail = 2",
    "InferStatistics: StatisticDuration queue = 3",
    "InferStatistics: StatisticDuration compute_input = 4",
    "InferStatistics: StatisticDuration compute_infer = 5",
    "InferStatistics: StatisticDuration compute_output = 6",
    "InferBatchStatistics: uint64 batch_size = 1",
    "InferBatchStatistics: StatisticDuration compute_input = 2",
    "InferBatchStatistics: StatisticDuration compute_infer = 3",
    "InferBatchStatistics: StatisticDuration compute_output = 4",
    "ModelStatistics: string name = 1",
    "ModelStatistics: string version = 2",
    "ModelStatistics: uint64 last_inference = 3",
    "ModelStatistics: uint64 inference_count = 4",
    "ModelStatistics: uint64 execution_count = 5",
    "ModelStatistics: InferStatistics inference_stats = 6",
    "ModelStatistics: repeated InferBatchStatistics batch_stats = 7",
    "ModelStatisticsResponse: repeated ModelStatistics model_stats = 1",
    "RepositoryIndexRequest: string repository_name = 1",
    "RepositoryIndexRequest: bool ready = 2",
    "RepositoryIndexResponse.ModelIndex: string name = 1",
    "RepositoryIndexResponse.ModelIndex: string version = 2",
    "RepositoryIndexResponse.ModelIndex: string state = 3",
    "RepositoryIndexResponse.ModelIndex: string reason = 4",
    "RepositoryIndexResponse: repeated RepositoryIndexResponse.ModelIndex "
    "models = 1",
};

constexpr const char* kMethods[] = {
    "/inference.GRPCInferenceService/ServerLive(ServerLiveRequest) "
    "ServerLiveResponse",
    "/inference.GRPCInferenceService/ServerReady(ServerReadyRequest) "
    "ServerReadyResponse",
    "/inference.GRPCInferenceService/ModelReady(ModelReadyRequest) "
    "ModelReadyResponse",
    "/inference.GRPCInferenceService/ServerMetadata(ServerMetadataRequest) "
    "ServerMetadataResponse",
    "/inference.GRPCInferenceService/ModelMetadata(ModelMetadataRequest) "
    "ModelMetadataResponse",
    "/inference.GRPCInferenceService/ModelInfer(ModelInferRequest) "
    "ModelInferResponse",
    "/inference.GRPCInferenceService/ModelStatistics(ModelStatisticsRequest) "
    "ModelStatisticsResponse",
    "/inference.GRPCInferenceService/RepositoryIndex(RepositoryIndexRequest) "
    "RepositoryIndexResponse",
};

// Within the package.
std::string NameOf(const Descriptor& message) {
  const std::string package = message.file()->package() + ".";
  EXPECT_EQ(message.full_name().substr(0, package.size()), package);
  return message.full_name().substr(package.size());
}

std::string TypeOf(const FieldDescriptor& field) {
  return field.message_type() == nullptr ? field.type_name()
                                         : NameOf(*field.message_type());
}

// As in a .proto file.
std::string TextOf(const FieldDescriptor& field) {
  std::string type;
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    type = "map<" + TypeOf(*entry.map_key()) + ", " +
           TypeOf(*entry.map_value()) + ">";
  } else {
    type = (field.is_repeated() ? "repeated " : "") + TypeOf(field);
  }
  if (field.containing_oneof() != nullptr) {
    type = "oneof " + field.containing_oneof()->name() + " " + type;
  }
  return NameOf(*field.containing_type()) + ": " + type + " " + field.name() +
         " = " + std::to_string(field.number());
}

void AddFields(const Descriptor& message, std::set<std::string>& to) {
  if (message.options().map_entry()) return;
  if (message.field_count() == 0) to.insert(NameOf(message) + " {}");
  for (int i = 0; i < message.field_count(); ++i) {
    to.insert(TextOf(*message.field(i)));
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    AddFields(*message.nested_type(i), to);
  }
}

const FileDescriptor& Ours() {
  return *inference::ModelInferRequest::descriptor()->file();
}

TEST(InferenceProtocolTest, EveryFieldIsThatOfTheStandard) {
  std::set<std::string> fields;
  for (int i = 0; i < Ours().message_type_count(); ++i) {
    AddFields(*Ours().message_type(i), fields);
  }
  EXPECT_THAT(fields, UnorderedElementsAreArray(kFields));
}

TEST(InferenceProtocolTest, EveryMethodIsThatOfTheStandard) {
  ASSERT_EQ(Ours().service_count(), 1);
  const auto& service = *Ours().service(0);
  std::set<std::string> methods;
  for (int i = 0; i < service.method_count(); ++i) {
    const auto& method = *service.method(i);
    EXPECT_FALSE(method.client_streaming()) << method.name();
    EXPECT_FALSE(method.server_streaming()) << method.name();
    methods.insert("/" + service.full_name() + "/" + method.name() + "(" +
                   NameOf(*method.input_type()) + ") " +
                   NameOf(*method.output_type()));
  }
  EXPECT_THAT(methods, UnorderedElementsAreArray(kMethods));
  // What the stubs call.
  EXPECT_STREQ(inference::GRPCInferenceService::service_full_name(),
               "inference.GRPCInferenceService");
}

}  // namespace
}  // namespace nevus
