#include "services/serving/inference_service.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/version.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/serving/inference_codec.h"

namespace nevus {
namespace {

// The most a page of ListModels has (model.proto).
constexpr int kPage = 1000;

// Whether `id` is meant by a name and a version, of which "" is any.
bool Matches(const VersionId& id, const std::string& name,
             const std::string& version) {
  return (name.empty() || id.model == name) &&
         (version.empty() || version == absl::StrCat(id.version));
}

}  // namespace

grpc::Status InferenceService::ServerLive(
    grpc::ServerContext*, const inference::ServerLiveRequest*,
    inference::ServerLiveResponse* response) {
  response->set_live(true);
  return grpc::Status::OK;
}

grpc::Status InferenceService::ServerReady(
    grpc::ServerContext*, const inference::ServerReadyRequest*,
    inference::ServerReadyResponse* response) {
  response->set_ready(!predictor_.drains());
  return grpc::Status::OK;
}

grpc::Status InferenceService::ModelReady(
    grpc::ServerContext* call, const inference::ModelReadyRequest* request,
    inference::ModelReadyResponse* response) {
  const auto model =
      models_.Peek(ToReference(request->name(), request->version()), *call);
  if (absl::IsNotFound(model.status()) ||
      absl::IsInvalidArgument(model.status())) {
    return ToGrpc(model.status());
  }
  response->set_ready(model.ok() && *model != nullptr && !predictor_.drains());
  return grpc::Status::OK;
}

grpc::Status InferenceService::ServerMetadata(
    grpc::ServerContext*, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* response) {
  response->set_name("nevus");
  response->set_version(kVersion);
  response->add_extensions("statistics");
  response->add_extensions("model_repository");
  return grpc::Status::OK;
}

grpc::Status InferenceService::ModelMetadata(
    grpc::ServerContext* call, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* response) {
  const ModelReference reference =
      ToReference(request->name(), request->version());
  v1::GetModelRequest get;
  get.set_name(reference.model);
  get.set_version(reference.version);
  get.set_alias(reference.alias);
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  const absl::StatusOr<v1::Model> model =
      CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, call);
  if (!model.ok()) return ToGrpc(model.status());
  *response =
      EncodeMetadata(model->name(), model->version(), model->head().inputs());
  return grpc::Status::OK;
}

grpc::Status InferenceService::ModelInfer(
    grpc::ServerContext* call, const inference::ModelInferRequest* request,
    inference::ModelInferResponse* response) {
  const absl::StatusOr<InferQuery> query = DecodeInfer(*request);
  if (!query.ok()) {
    predictor_.CountRefusal(query.status());
    return ToGrpc(query.status());
  }
  const absl::StatusOr<Predictions> predictions =
      predictor_.Predict(query->query, *call);
  if (!predictions.ok()) return ToGrpc(predictions.status());
  *response = EncodeInfer(*request, *query, *predictions);
  predictor_.Note(query->query, *predictions);
  return grpc::Status::OK;
}

grpc::Status InferenceService::ModelStatistics(
    grpc::ServerContext*, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  for (const LoadedVersion& loaded : models_.Loaded()) {
    if (loaded.model == nullptr ||
        !Matches(loaded.id, request->name(), request->version())) {
      continue;
    }
    *response->add_model_stats() = EncodeStatistics(
        loaded.id.model, loaded.id.version, loaded.model->statistics());
  }
  if (!request->name().empty() && response->model_stats().empty()) {
    return ToGrpc(WithReason(
        absl::NotFoundError(absl::StrCat(
            "model ", Quoted(request->name()), " version ",
            Quoted(request->version()),
            " is not loaded here, so it has no statistics. Ask for an answer "
            "first, or see RepositoryIndex")),
        "MODEL_NOT_LOADED"));
  }
  return grpc::Status::OK;
}

grpc::Status InferenceService::RepositoryIndex(
    grpc::ServerContext* call, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* response) {
  std::map<VersionId, LoadedVersion> here;
  for (LoadedVersion& loaded : models_.Loaded()) here[loaded.id] = loaded;
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  v1::ListModelsRequest list;
  list.set_page_size(kPage);
  do {
    const absl::StatusOr<v1::ListModelsResponse> page =
        CallPeer(*registry, &v1::ModelService::Stub::ListModels, list, call);
    if (!page.ok()) return ToGrpc(page.status());
    for (const v1::Model& model : page->models()) {
      const auto loaded = here.find({model.name(), model.version()});
      const bool ready =
          loaded != here.end() && loaded->second.state == VersionState::kReady;
      if (request->ready() && !ready) continue;
      auto& entry = *response->add_models();
      entry.set_name(model.name());
      entry.set_version(absl::StrCat(model.version()));
      if (ready) {
        entry.set_state("READY");
      } else if (loaded == here.end()) {
        entry.set_state("UNAVAILABLE");
        entry.set_reason("not loaded");
      } else if (loaded->second.state == VersionState::kLoading) {
        entry.set_state("LOADING");
      } else {
        entry.set_state("UNAVAILABLE");
        entry.set_reason(std::string(loaded->second.error.message()));
      }
    }
    list.set_page_token(page->next_page_token());
  } while (!list.page_token().empty());
  return grpc::Status::OK;
}

}  // namespace nevus
