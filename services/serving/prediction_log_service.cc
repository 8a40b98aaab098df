#include "services/serving/prediction_log_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "compute/evaluation/drift.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/baseline.h"
#include "services/runtime/page.h"
#include "services/runtime/peer_call.h"
#include "services/serving/live_performance.h"
#include "services/serving/replay.h"
#include "services/serving/window.h"

namespace nevus {
namespace {

// The contract's limit (RecordOutcomeRequest.label).
constexpr size_t kMaxLabelBytes = 200;

absl::Status CheckImageDigest(const std::string& digest) {
  if (IsSha256Hex(digest)) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "image_digest is ", Quoted(digest),
          "; give the SHA-256 of the image's bytes, 64 lower-case hex digits")),
      "DIGEST_INVALID");
}

absl::StatusOr<PredictionQuery> QueryOf(
    const v1::ListPredictionsRequest& request) {
  PredictionQuery query;
  if (!request.model().empty()) {
    RETURN_IF_ERROR(CheckName("model", request.model()));
  }
  if (!request.image_digest().empty()) {
    RETURN_IF_ERROR(CheckImageDigest(request.image_digest()));
  }
  if (request.version() < 0 ||
      (request.version() > 0 && request.model().empty())) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "version is ", request.version(),
            "; give a version of a model that you name too, or 0 for all")),
        "VERSION_INVALID");
  }
  query.model = request.model();
  query.version = request.version();
  query.image_digest = request.image_digest();
  ASSIGN_OR_RETURN(const TimeWindow window, WindowOf(request));
  query.since = window.since;
  query.until = window.until;
  return query;
}

absl::Status CheckOutcome(const v1::RecordOutcomeRequest& request) {
  if (request.prediction_id().empty() == request.image_digest().empty()) {
    return WithReason(
        absl::InvalidArgumentError(
            "give either a prediction_id or an image_digest, not both or none: "
            "that of which the outcome is known"),
        "OUTCOME_TARGET_INVALID");
  }
  if (!request.image_digest().empty()) {
    RETURN_IF_ERROR(CheckImageDigest(request.image_digest()));
  }
  if (request.label().empty() || request.label().size() > kMaxLabelBytes) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "label is ", Quoted(request.label()), ", ", request.label().size(),
            " bytes; give 1 to ", kMaxLabelBytes,
            ": what the image turned out to be, such as melanoma or nevus")),
        "LABEL_INVALID");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Model> GetModel(const Peers& peers, const std::string& name,
                                   int64_t version,
                                   const grpc::ServerContext* call) {
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  v1::GetModelRequest get;
  get.set_name(name);
  get.set_version(version);
  return CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, call);
}

absl::Status CheckReplay(const v1::ReplayPredictionsRequest& request) {
  RETURN_IF_ERROR(CheckName("model", request.model()));
  if (request.version() >= 0 &&
      (request.version() == 0) != request.alias().empty()) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "version ", request.version(), " and alias ", Quoted(request.alias()),
          " were given; exactly one is needed: whose predictions to replay")),
      "MODEL_REFERENCE_INVALID");
}

// Of the version that is asked about, and of nothing else.
absl::StatusOr<v1::LivePerformance> FiguresOf(
    const v1::GetLivePerformanceRequest& request, const v1::Model& model,
    const PredictionStore& store, const grpc::ServerContext* call) {
  PredictionQuery query;
  query.model = model.name();
  query.version = model.version();
  ASSIGN_OR_RETURN(const TimeWindow window, WindowOf(request));
  query.since = window.since;
  query.until = window.until;
  ASSIGN_OR_RETURN(const DriftBaseline baseline, BaselineOf(model));
  LiveFigures figures;
  RETURN_IF_ERROR(store.Visit(
      query, "", [&](const std::string&, const v1::LoggedPrediction& one) {
        figures.Add(one);
        return !call->IsCancelled();
      }));
  if (call->IsCancelled()) return absl::CancelledError("the call ended");
  v1::LivePerformance result = figures.Result(baseline);
  result.set_model(absl::StrCat(model.name(), "@", model.version()));
  return result;
}

}  // namespace

grpc::Status PredictionLogServiceImpl::ListPredictions(
    grpc::ServerContext* call, const v1::ListPredictionsRequest* request,
    v1::ListPredictionsResponse* response) {
  const auto query = QueryOf(*request);
  if (!query.ok()) return ToGrpc(query.status());
  const auto start_after = StartAfter(request->page_token());
  if (!start_after.ok()) return ToGrpc(start_after.status());
  log_.Flush();
  const int size = PageSize(request->page_size());
  std::string last;
  const absl::Status status = store_.Visit(
      *query, *start_after,
      [&](const std::string& position, v1::LoggedPrediction prediction) {
        if (call->IsCancelled()) return false;
        if (response->predictions_size() == size) {
          response->set_next_page_token(PageToken(last));
          return false;
        }
        last = position;
        *response->add_predictions() = std::move(prediction);
        return true;
      });
  return ToGrpc(status);
}

grpc::Status PredictionLogServiceImpl::GetPrediction(
    grpc::ServerContext*, const v1::GetPredictionRequest* request,
    v1::LoggedPrediction* response) {
  log_.Flush();
  auto prediction = store_.Get(request->prediction_id());
  if (!prediction.ok()) return ToGrpc(prediction.status());
  *response = *std::move(prediction);
  return grpc::Status::OK;
}

grpc::Status PredictionLogServiceImpl::RecordOutcome(
    grpc::ServerContext*, const v1::RecordOutcomeRequest* request,
    v1::Outcome* response) {
  if (const absl::Status status = CheckOutcome(*request); !status.ok()) {
    return ToGrpc(status);
  }
  log_.Flush();
  auto outcome = requests_.Once<v1::Outcome>(
      RequestOf("RecordOutcome", *request),
      [&](const RequestEntry& entry) -> absl::StatusOr<v1::Outcome> {
        std::string image = request->image_digest();
        if (image.empty()) {
          ASSIGN_OR_RETURN(const v1::LoggedPrediction prediction,
                           store_.Get(request->prediction_id()));
          image = prediction.image_digest();
        }
        ASSIGN_OR_RETURN(
            v1::Outcome recorded,
            store_.RecordOutcome(image, request->label(), clock_.Now(), entry));
        // The label stays out of the log: it is a diagnosis.
        Log("outcome.recorded")
            .With("image", image)
            .With("earlier", recorded.earlier_size());
        return recorded;
      });
  if (!outcome.ok()) return ToGrpc(outcome.status());
  *response = *std::move(outcome);
  return grpc::Status::OK;
}

grpc::Status PredictionLogServiceImpl::GetLivePerformance(
    grpc::ServerContext* call, const v1::GetLivePerformanceRequest* request,
    v1::LivePerformance* response) {
  const absl::StatusOr<v1::Model> model =
      GetModel(peers_, request->model(), request->version(), call);
  if (!model.ok()) return ToGrpc(model.status());
  log_.Flush();
  auto figures = FiguresOf(*request, *model, store_, call);
  if (!figures.ok()) return ToGrpc(figures.status());
  *response = *std::move(figures);
  return grpc::Status::OK;
}

grpc::Status PredictionLogServiceImpl::ReplayPredictions(
    grpc::ServerContext* call, const v1::ReplayPredictionsRequest* request,
    grpc::ServerWriter<v1::ReplayPredictionsResponse>* writer) {
  const auto replay = [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckReplay(*request));
    ASSIGN_OR_RETURN(const TimeWindow window, WindowOf(*request));
    ASSIGN_OR_RETURN(
        const v1::Model candidate,
        GetModel(peers_, request->model(), request->candidate_version(), call));
    log_.Flush();
    PredictionQuery query;
    query.since = window.since;
    query.until = window.until;
    ASSIGN_OR_RETURN(const std::vector<v1::LoggedPrediction> predictions,
                     SelectForReplay(store_, *request, query));
    ReplayTally tally;
    v1::ReplayPredictionsResponse response;
    RETURN_IF_ERROR(Replay(predictions, candidate, peers_, store_, answer_,
                           *call, [&](const v1::ReplayedPrediction& one) {
                             tally.Add(one);
                             *response.mutable_prediction() = one;
                             return writer->Write(response);
                           }));
    *response.mutable_summary() = tally.Summary();
    if (writer->Write(response)) return absl::OkStatus();
    return absl::CancelledError("the call ended");
  };
  return ToGrpc(replay());
}

}  // namespace nevus
