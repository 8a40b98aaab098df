#include "tests/integration/served_node.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "absl/strings/str_cat.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/synthetic/synthetic.h"

namespace nevus {

absl::StatusOr<std::vector<ExampleFile>> WritePhotographs(
    const std::string& folder, int count) {
  std::vector<ExampleFile> files;
  for (int i = 0; i < count; ++i) {
    const SyntheticImage image = Generate(/*seed=*/5, i, 32 + i % 65);
    ExampleFile file;
    file.path = absl::StrCat(folder, "/", image.name, ".jpg");
    file.example.set_id(image.name);
    file.example.set_label(image.label);
    // Of each five the first two are melanomas: whole fives in a split.
    file.example.set_split(i / 5 % 5 == 4 ? v1::VALIDATION : v1::TRAIN);
    RETURN_IF_ERROR(WriteFile(file.path, image.jpeg));
    files.push_back(std::move(file));
  }
  return files;
}

absl::StatusOr<std::unique_ptr<ServedNode>> ServedNode::Start(
    const std::vector<ExampleFile>& files, const std::string& precision) {
  auto served = std::unique_ptr<ServedNode>(new ServedNode);
  NodeOptions options;
  options.data_dir = served->dir_.path();
  options.listen = "127.0.0.1:0";
  options.compute_threads = 1;
  ASSIGN_OR_RETURN(served->node_, Node::Start(options));
  ASSIGN_OR_RETURN(served->client_, Client::Create(served->address()));
  RETURN_IF_ERROR(served->MakeModel(files, precision));
  return served;
}

std::string ServedNode::address() const {
  return absl::StrCat("127.0.0.1:", node_->port());
}

std::shared_ptr<grpc::Channel> ServedNode::Connect() const {
  grpc::ChannelArguments arguments = ChannelArguments();
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(
      address(), grpc::InsecureChannelCredentials(), arguments);
}

absl::StatusOr<v1::PredictResponse> ServedNode::Predict(
    const std::string& image) {
  v1::PredictRequest request;
  request.set_model("melanoma");
  request.set_alias("production");
  request.set_image(image);
  return nevus::Predict(*client_, request);
}

absl::Status ServedNode::Finish(const absl::StatusOr<v1::Job>& job) {
  RETURN_IF_ERROR(job.status());
  ASSIGN_OR_RETURN(const v1::Job ended,
                   WaitForJob(*client_, job->id(), nullptr));
  return JobError(ended);
}

absl::Status ServedNode::MakeModel(const std::vector<ExampleFile>& files,
                                   const std::string& precision) {
  ASSIGN_OR_RETURN(const ImportSummary summary,
                   ImportExamples(*client_, "skin", files, nullptr));
  if (summary.taken != static_cast<int64_t>(files.size())) {
    return absl::InternalError(absl::StrCat("of ", files.size(), " files ",
                                            summary.taken, " were taken"));
  }
  v1::SealDatasetRequest seal;
  seal.set_name("skin");
  RETURN_IF_ERROR(
      client_->Call(&v1::DatasetService::Stub::SealDataset, seal).status());
  v1::BackboneUpload upload;
  upload.set_name("vgg16");
  upload.set_arch("vgg16");
  upload.set_input_size(32);
  upload.set_random_seed(1);
  RETURN_IF_ERROR(ImportBackbone(*client_, upload, "", nullptr).status());
  v1::ExtractRequest extract;
  extract.set_dataset("skin");
  extract.set_version(1);
  extract.set_backbone("vgg16");
  extract.set_precision(precision);
  RETURN_IF_ERROR(
      Finish(client_->Call(&v1::FeatureService::Stub::Extract, extract)));
  v1::TrainRequest train;
  train.set_dataset("skin");
  train.set_version(1);
  train.set_backbone("vgg16");
  train.set_precision(precision);
  train.set_model("melanoma");
  train.set_positive("melanoma");
  RETURN_IF_ERROR(
      Finish(client_->Call(&v1::TrainingService::Stub::Train, train)));
  v1::PromoteModelRequest promote;
  promote.set_model("melanoma");
  promote.set_version(1);
  promote.set_alias("production");
  return client_->Call(&v1::ModelService::Stub::PromoteModel, promote).status();
}

}  // namespace nevus
