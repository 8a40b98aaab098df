#include "services/training/registry_calls.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {

absl::StatusOr<v1::Model> GetModelVersion(const Peers& peers,
                                          const std::string& name,
                                          int64_t version, PeerCaller caller) {
  RETURN_IF_ERROR(CheckName("model", name));
  if (version <= 0) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "version ", version, " of model ", name,
            " is no version; versions are 1, 2, 3 ... `nevus model list` shows "
            "those there are")),
        "VERSION_INVALID");
  }
  v1::GetModelRequest request;
  request.set_name(name);
  request.set_version(version);
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  return CallPeer(*registry, &v1::ModelService::Stub::GetModel, request,
                  caller);
}

absl::StatusOr<std::optional<v1::Model>> FindModelOfJob(const Peers& peers,
                                                        const std::string& name,
                                                        const std::string& job,
                                                        PeerCaller caller) {
  constexpr int kPage = 1000;  // the contract's most (model.proto)
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  v1::ListModelsRequest request;
  request.set_name(name);
  request.set_page_size(kPage);
  do {
    ASSIGN_OR_RETURN(const v1::ListModelsResponse page,
                     CallPeer(*registry, &v1::ModelService::Stub::ListModels,
                              request, caller));
    for (const v1::Model& model : page.models()) {
      if (model.lineage().job() == job) return std::optional<v1::Model>(model);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return std::nullopt;
}

absl::StatusOr<std::string> RegisterModel(const Peers& peers, v1::Model model,
                                          const v1::Lease& lease,
                                          PeerCaller caller) {
  v1::RegisterModelRequest request;
  *request.mutable_model() = std::move(model);
  *request.mutable_lease() = lease;
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  ASSIGN_OR_RETURN(const v1::Model registered,
                   CallPeer(*registry, &v1::ModelService::Stub::RegisterModel,
                            request, caller));
  return VersionText(registered);
}

std::string VersionText(const v1::Model& model) {
  return absl::StrCat(model.name(), "@", model.version());
}

absl::StatusOr<std::string> JobThatEvaluated(const Peers& peers,
                                             const v1::EvaluateTask& task,
                                             PeerCaller caller) {
  v1::GetEvaluationRequest request;
  request.set_model(task.model());
  request.set_model_version(task.model_version());
  request.set_dataset(task.dataset());
  request.set_dataset_version(task.dataset_version());
  request.set_split(task.split());
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  const absl::StatusOr<v1::Evaluation> evaluation = CallPeer(
      *registry, &v1::ModelService::Stub::GetEvaluation, request, caller);
  if (absl::IsNotFound(evaluation.status())) return std::string();
  if (!evaluation.ok()) return evaluation.status();
  return evaluation->job();
}

absl::Status TestSplitOpened(const v1::EvaluateTask& task,
                             const std::string& job) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "job ", job, " opened the test split of ",
                        task.dataset(), "@", task.dataset_version(), " for ",
                        task.model(), "@", task.model_version(),
                        "; it is opened once for a model version. Read its "
                        "report (`nevus evaluation show`), or judge "
                        "another model version")),
                    "TEST_SPLIT_OPENED", {{"job", job}});
}

}  // namespace nevus
