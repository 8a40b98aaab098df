#include "clients/nevus/fake_platform.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/rpc/grpc_status.h"

namespace nevus {

void Requests::Note(const google::protobuf::Message& request) {
  MutexLock lock(mutex_);
  all_.emplace_back(std::string(request.GetDescriptor()->full_name()),
                    request.SerializeAsString());
}

std::string Requests::LastOf(const std::string& type) const {
  MutexLock lock(mutex_);
  for (auto each = all_.rbegin(); each != all_.rend(); ++each) {
    if (each->first == type) return each->second;
  }
  return "";
}

size_t Requests::size() const {
  MutexLock lock(mutex_);
  return all_.size();
}

void FakePlatform::Put(const v1::Backbone& backbone) {
  MutexLock lock(mutex_);
  listed_.push_back(backbone);
}

void FakePlatform::Put(const v1::Model& model, const std::string& alias) {
  MutexLock lock(mutex_);
  known_[absl::StrCat(model.name(), "@", model.version())] = model;
  if (!alias.empty()) known_[absl::StrCat(model.name(), "@", alias)] = model;
}

grpc::Status FakePlatform::Answer(const char* id, v1::Job* response) {
  v1::GetJobRequest request;
  request.set_id(id);
  return jobs_.GetJob(nullptr, &request, response);
}

grpc::Status FakePlatform::Features::Extract(grpc::ServerContext*,
                                             const v1::ExtractRequest* request,
                                             v1::Job* response) {
  platform_.requests_.Note(*request);
  return platform_.Answer(kExtractJob, response);
}

grpc::Status FakePlatform::Training::Train(grpc::ServerContext*,
                                           const v1::TrainRequest* request,
                                           v1::Job* response) {
  platform_.requests_.Note(*request);
  return platform_.Answer(kTrainJob, response);
}

grpc::Status FakePlatform::Training::Evaluate(
    grpc::ServerContext*, const v1::EvaluateRequest* request,
    v1::Job* response) {
  platform_.requests_.Note(*request);
  return platform_.Answer(kEvaluateJob, response);
}

grpc::Status FakePlatform::Training::RunPipeline(
    grpc::ServerContext*, const v1::RunPipelineRequest* request,
    v1::RunPipelineResponse* response) {
  platform_.requests_.Note(*request);
  for (const char* id : {kExtractJob, kTrainJob, kEvaluateJob}) {
    const grpc::Status status = platform_.Answer(id, response->add_jobs());
    if (!status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Models::GetModel(grpc::ServerContext*,
                                            const v1::GetModelRequest* request,
                                            v1::Model* response) {
  const std::string which = request->alias().empty()
                                ? absl::StrCat(request->version())
                                : request->alias();
  MutexLock lock(platform_.mutex_);
  const auto found =
      platform_.known_.find(absl::StrCat(request->name(), "@", which));
  if (found == platform_.known_.end()) {
    return ToGrpc(absl::NotFoundError("there is no such model"));
  }
  *response = found->second;
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Models::PromoteModel(
    grpc::ServerContext*, const v1::PromoteModelRequest* request, v1::Alias*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Models::RollbackAlias(
    grpc::ServerContext*, const v1::RollbackAliasRequest* request, v1::Alias*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Models::GetEvaluation(
    grpc::ServerContext*, const v1::GetEvaluationRequest* request,
    v1::Evaluation* response) {
  response->set_model(request->model());
  response->set_model_version(request->model_version());
  response->set_dataset(request->dataset());
  response->set_dataset_version(request->dataset_version());
  response->set_split(request->split());
  response->set_auc(0.75);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Models::ReadEvaluationReport(
    grpc::ServerContext*, const v1::GetEvaluationRequest*,
    grpc::ServerWriter<v1::ReadEvaluationReportResponse>* writer) {
  for (const char* chunk : {"<ht", "ml>"}) {
    v1::ReadEvaluationReportResponse response;
    response.set_chunk(chunk);
    writer->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Datasets::SplitDataset(
    grpc::ServerContext*, const v1::SplitDatasetRequest* request,
    v1::Dataset*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Datasets::SealDataset(
    grpc::ServerContext*, const v1::SealDatasetRequest* request,
    v1::DatasetVersion*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Datasets::DeleteDataset(
    grpc::ServerContext*, const v1::DeleteDatasetRequest* request,
    v1::DeleteDatasetResponse*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Backbones::ListBackbones(
    grpc::ServerContext*, const v1::ListBackbonesRequest*,
    v1::ListBackbonesResponse* response) {
  MutexLock lock(platform_.mutex_);
  for (const v1::Backbone& backbone : platform_.listed_) {
    *response->add_backbones() = backbone;
  }
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Backbones::GetBackbone(
    grpc::ServerContext*, const v1::GetBackboneRequest* request,
    v1::Backbone*) {
  platform_.requests_.Note(*request);
  return ToGrpc(absl::NotFoundError("there is no such backbone"));
}

grpc::Status FakePlatform::Backbones::ImportBackbone(
    grpc::ServerContext*, grpc::ServerReader<v1::ImportBackboneRequest>* reader,
    v1::Backbone*) {
  v1::ImportBackboneRequest request;
  if (!reader->Read(&request) || !request.has_upload()) {
    return ToGrpc(absl::InvalidArgumentError("the upload comes first"));
  }
  platform_.requests_.Note(request.upload());
  while (reader->Read(&request)) {
  }
  return grpc::Status::OK;
}

grpc::Status FakePlatform::Backbones::DeleteBackbone(
    grpc::ServerContext*, const v1::DeleteBackboneRequest* request,
    v1::DeleteBackboneResponse*) {
  platform_.requests_.Note(*request);
  return grpc::Status::OK;
}

}  // namespace nevus
