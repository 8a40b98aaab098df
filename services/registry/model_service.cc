#include "services/registry/model_service.h"

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "services/runtime/baseline.h"
#include "services/runtime/convert.h"
#include "services/runtime/page.h"

namespace nevus {
namespace {

template <typename T>
grpc::Status Answer(absl::StatusOr<T> result, T* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

absl::Status Refuse(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "MODEL_INVALID");
}

absl::Status CheckModel(const v1::Model& model) {
  RETURN_IF_ERROR(CheckName("model", model.name()));
  RETURN_IF_ERROR(ToClassifier(model).status());
  RETURN_IF_ERROR(BaselineOf(model).status());
  if (!IsSha256Hex(model.space().digest()) ||
      !IsSha256Hex(model.space().backbone_digest())) {
    return Refuse(
        "the model's feature space or its backbone is not named by a digest");
  }
  if (model.space().dimension() != model.head().inputs()) {
    return Refuse(absl::StrCat("the head takes ", model.head().inputs(),
                               " numbers, a feature of its space has ",
                               model.space().dimension()));
  }
  if (model.positive().empty()) {
    return Refuse("the model does not say which label is its positive class");
  }
  if (model.operating_points().empty()) {
    return Refuse("the model has no operating point to decide by");
  }
  for (const v1::OperatingPoint& point : model.operating_points()) {
    RETURN_IF_ERROR(CheckName("operating point", point.name()));
    if (!std::isfinite(point.threshold())) {
      return Refuse(absl::StrCat("the threshold of operating point ",
                                 point.name(), " is not a number"));
    }
  }
  return absl::OkStatus();
}

// An alias that began with a digit would be read as a version.
absl::Status CheckAlias(const std::string& alias) {
  RETURN_IF_ERROR(CheckName("alias", alias));
  if (alias[0] >= '0' && alias[0] <= '9') {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "alias ", Quoted(alias),
            " begins with a digit and would be read as a version; begin it "
            "with a letter")),
        "NAME_INVALID");
  }
  return absl::OkStatus();
}

// The contract's limits (PromoteModelRequest).
constexpr size_t kMaxActorBytes = 200;
constexpr size_t kMaxReasonBytes = 1000;

// `request` has an actor and a reason.
template <typename Request>
absl::Status CheckNote(const Request& request) {
  if (request.actor().size() <= kMaxActorBytes &&
      request.reason().size() <= kMaxReasonBytes) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "actor has ", request.actor().size(), " bytes and reason ",
          request.reason().size(), "; the most is ", kMaxActorBytes, " and ",
          kMaxReasonBytes, ": say it shorter")),
      "NOTE_TOO_LONG");
}

// Checks what the store does not, and makes what was left out.
absl::Status CheckCandidate(v1::SetCandidateRequest& request) {
  if (request.candidate_version() == 0) return absl::OkStatus();
  if (request.mode() != v1::CANDIDATE_SHADOW &&
      request.mode() != v1::CANDIDATE_CANARY) {
    return WithReason(
        absl::InvalidArgumentError(
            "the mode is missing; say CANDIDATE_SHADOW, to see copies of "
            "calls, or CANDIDATE_CANARY, to answer a share of them"),
        "CANDIDATE_INVALID");
  }
  if (request.mode() == v1::CANDIDATE_SHADOW && request.share() == 0) {
    request.set_share(1);
  }
  // Also false for what is no number.
  if (request.share() > 0 && request.share() <= 1) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "share is ", request.share(),
          "; give the part of the calls, above 0 and at most 1, such as 0.1")),
      "SHARE_INVALID");
}

// A place in the list of models as text for a page token: "melanoma@3".
std::string ToKey(const v1::Model& model) {
  return absl::StrCat(model.name(), "@", model.version());
}

void LogMove(const std::string& event, const absl::StatusOr<v1::Alias>& moved) {
  if (!moved.ok()) return;
  Log(event)
      .With("model", moved->model())
      .With("alias", moved->alias())
      .With("version", moved->version());
}

absl::StatusOr<std::optional<ModelStore::Position>> FromToken(
    const std::string& token) {
  ASSIGN_OR_RETURN(const std::string key, StartAfter(token));
  if (key.empty()) return std::optional<ModelStore::Position>();
  ASSIGN_OR_RETURN(const VersionedName name, ParseVersion("page token", key));
  return std::optional<ModelStore::Position>(
      ModelStore::Position{name.name, name.version});
}

}  // namespace

grpc::Status ModelServiceImpl::RegisterModel(
    grpc::ServerContext*, const v1::RegisterModelRequest* request,
    v1::Model* response) {
  if (const absl::Status status = CheckModel(request->model()); !status.ok()) {
    return ToGrpc(status);
  }
  std::optional<v1::Lease> lease;
  if (request->has_lease()) lease = request->lease();
  const auto add = [&](const RequestEntry& entry) {
    auto model = models_.Register(request->model(), lease, clock_.Now(), entry);
    if (model.ok()) {
      Log("model.registered")
          .With("model", ToKey(*model))
          .With("digest", model->digest())
          .With("job", model->lineage().job());
    }
    return model;
  };
  // A task is answered the same by its lease.
  if (lease.has_value()) return Answer(add(RequestEntry()), response);
  auto model =
      requests_.Once<v1::Model>(RequestOf("RegisterModel", *request), add);
  // The answer that is remembered has no head.
  if (model.ok() && !model->has_head()) {
    model = models_.Get(model->name(), model->version());
  }
  return Answer(std::move(model), response);
}

grpc::Status ModelServiceImpl::GetModel(grpc::ServerContext*,
                                        const v1::GetModelRequest* request,
                                        v1::Model* response) {
  if ((request->version() != 0) == !request->alias().empty()) {
    return ToGrpc(WithReason(
        absl::InvalidArgumentError(
            "give either a version or an alias of the model, not both or none"),
        "VERSION_INVALID"));
  }
  return Answer(request->alias().empty()
                    ? models_.Get(request->name(), request->version())
                    : models_.GetByAlias(request->name(), request->alias()),
                response);
}

grpc::Status ModelServiceImpl::ListModels(grpc::ServerContext*,
                                          const v1::ListModelsRequest* request,
                                          v1::ListModelsResponse* response) {
  const auto start_after = FromToken(request->page_token());
  if (!start_after.ok()) return ToGrpc(start_after.status());
  const int size = PageSize(request->page_size());
  auto page = models_.List(request->name(), *start_after, size + 1);
  if (!page.ok()) return ToGrpc(page.status());
  const bool more = page->size() > static_cast<size_t>(size);
  if (more) page->pop_back();
  if (more) response->set_next_page_token(PageToken(ToKey(page->back())));
  for (v1::Model& model : *page) *response->add_models() = std::move(model);
  return grpc::Status::OK;
}

grpc::Status ModelServiceImpl::PromoteModel(
    grpc::ServerContext*, const v1::PromoteModelRequest* request,
    v1::Alias* response) {
  if (const absl::Status status = CheckAlias(request->alias()); !status.ok()) {
    return ToGrpc(status);
  }
  if (const absl::Status status = CheckNote(*request); !status.ok()) {
    return ToGrpc(status);
  }
  auto alias = requests_.Once<v1::Alias>(
      RequestOf("PromoteModel", *request), [&](const RequestEntry& entry) {
        auto moved =
            models_.Promote(request->model(), request->version(),
                            request->alias(), request->etag(), clock_.Now(),
                            entry, {request->actor(), request->reason()});
        LogMove("model.promoted", moved);
        return moved;
      });
  return Answer(std::move(alias), response);
}

grpc::Status ModelServiceImpl::RollbackAlias(
    grpc::ServerContext*, const v1::RollbackAliasRequest* request,
    v1::Alias* response) {
  if (const absl::Status status = CheckNote(*request); !status.ok()) {
    return ToGrpc(status);
  }
  auto alias = requests_.Once<v1::Alias>(
      RequestOf("RollbackAlias", *request), [&](const RequestEntry& entry) {
        auto moved = models_.Rollback(
            request->model(), request->alias(), clock_.Now(), entry,
            {request->actor(), request->reason()}, request->etag());
        LogMove("model.rolled_back", moved);
        return moved;
      });
  return Answer(std::move(alias), response);
}

grpc::Status ModelServiceImpl::SetCandidate(
    grpc::ServerContext*, const v1::SetCandidateRequest* request,
    v1::Alias* response) {
  v1::SetCandidateRequest candidate = *request;
  if (const absl::Status status = CheckCandidate(candidate); !status.ok()) {
    return ToGrpc(status);
  }
  auto alias = requests_.Once<v1::Alias>(
      RequestOf("SetCandidate", *request), [&](const RequestEntry& entry) {
        auto set = models_.SetCandidate(candidate, entry);
        if (set.ok()) {
          Log("model.candidate")
              .With("model", set->model())
              .With("alias", set->alias())
              .With("version", set->version())
              .With("candidate", set->candidate_version())
              .With("mode", v1::CandidateMode_Name(set->candidate_mode()))
              .With("share", set->candidate_share());
        }
        return set;
      });
  return Answer(std::move(alias), response);
}

grpc::Status ModelServiceImpl::ListAliases(
    grpc::ServerContext*, const v1::ListAliasesRequest* request,
    v1::ListAliasesResponse* response) {
  auto aliases = models_.ListAliases(request->model());
  if (!aliases.ok()) return ToGrpc(aliases.status());
  for (v1::Alias& alias : *aliases) {
    *response->add_aliases() = std::move(alias);
  }
  return grpc::Status::OK;
}

grpc::Status ModelServiceImpl::RecordEvaluation(
    grpc::ServerContext*, const v1::RecordEvaluationRequest* request,
    v1::Evaluation* response) {
  if (request->report_html().size() > kMaxReportBytes) {
    return ToGrpc(
        WithReason(absl::InvalidArgumentError(absl::StrCat(
                       "the report has ", request->report_html().size(),
                       " bytes; the most is ", kMaxReportBytes)),
                   "REPORT_TOO_LARGE"));
  }
  auto evaluation =
      models_.Record(request->evaluation(), request->report_html(),
                     request->lease(), clock_.Now());
  if (evaluation.ok()) {
    Log("evaluation.recorded")
        .With("model", absl::StrCat(evaluation->model(), "@",
                                    evaluation->model_version()))
        .With("dataset", absl::StrCat(evaluation->dataset(), "@",
                                      evaluation->dataset_version()))
        .With("split", evaluation->split())
        .With("job", evaluation->job());
  }
  return Answer(std::move(evaluation), response);
}

grpc::Status ModelServiceImpl::GetEvaluation(
    grpc::ServerContext*, const v1::GetEvaluationRequest* request,
    v1::Evaluation* response) {
  return Answer(models_.GetEvaluation(*request), response);
}

grpc::Status ModelServiceImpl::ReadEvaluationReport(
    grpc::ServerContext*, const v1::GetEvaluationRequest* request,
    grpc::ServerWriter<v1::ReadEvaluationReportResponse>* writer) {
  const auto report = models_.GetReport(*request);
  if (!report.ok()) return ToGrpc(report.status());
  for (size_t at = 0; at < report->size(); at += kChunkBytes) {
    v1::ReadEvaluationReportResponse response;
    response.set_chunk(report->substr(at, kChunkBytes));
    if (!writer->Write(response)) return grpc::Status::CANCELLED;
  }
  return grpc::Status::OK;
}

grpc::Status ModelServiceImpl::WriteCheckpoint(
    grpc::ServerContext*, const v1::WriteCheckpointRequest* request,
    v1::WriteCheckpointResponse*) {
  return ToGrpc(
      models_.WriteCheckpoint(request->checkpoint(), request->lease()));
}

grpc::Status ModelServiceImpl::ReadCheckpoint(
    grpc::ServerContext*, const v1::ReadCheckpointRequest* request,
    v1::Checkpoint* response) {
  return Answer(models_.ReadCheckpoint(request->job(), request->task()),
                response);
}

}  // namespace nevus
