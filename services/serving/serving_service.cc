#include "services/serving/serving_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/core/batch_queue.h"
#include "services/serving/inference_service.h"
#include "services/serving/model_set.h"
#include "services/serving/predictor.h"
#include "services/serving/serving_model.h"

namespace nevus {
namespace {

void SetDuration(absl::Duration from, google::protobuf::Duration* to) {
  const int64_t nanos = absl::ToInt64Nanoseconds(from);
  to->set_seconds(nanos / 1'000'000'000);
  to->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

constexpr int kMostNearest = 100;  // the contract's most (prediction.proto)

absl::Status CheckNearest(int nearest) {
  if (nearest >= 0 && nearest <= kMostNearest) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        nearest,
                        " nearest training cases are not possible; 0 "
                        "to ",
                        kMostNearest, " are. Ask for fewer")),
                    "NEAREST_INVALID");
}

class ServingService final : public HostedService,
                             public v1::PredictionService::Service {
 public:
  explicit ServingService(const ServiceContext& context)
      : peers_(*context.peers),
        batcher_(BatchLimits(), *context.clock),
        models_(
            *context.peers, *context.clock, batcher_,
            {context.compute_threads, context.serving_bytes, context.device}),
        predictor_(*context.clock, models_, batcher_),
        inference_(*context.peers, models_, predictor_) {}

  std::vector<grpc::Service*> grpc_services() override {
    return {this, &inference_};
  }
  void Start() override {
    batcher_.Start();
    models_.Start();
  }
  void Stop() override {
    // Images of calls that are there still get their turn: the batcher stops
    // with the last of them, when it is destroyed.
    predictor_.Drain();
    models_.Stop();
  }

  grpc::Status Predict(grpc::ServerContext* call,
                       const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    absl::StatusOr<v1::PredictResponse> answer = Answer(*request, *call);
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

  grpc::Status PrepareModel(grpc::ServerContext* call,
                            const v1::PrepareModelRequest* request,
                            v1::PrepareModelResponse* response) override {
    const absl::StatusOr<std::shared_ptr<ServingModel>> model =
        models_.Get({request->model(), request->version(), ""}, *call);
    if (!model.ok()) return ToGrpc(model.status());
    response->set_golden_answers(
        static_cast<int32_t>((*model)->golden().size()));
    return grpc::Status::OK;
  }

 private:
  absl::StatusOr<v1::PredictResponse> Answer(const v1::PredictRequest& request,
                                             const grpc::ServerContext& call) {
    PredictQuery query;
    query.model = {request.model(), request.version(), request.alias()};
    query.images = {request.image()};
    query.operating_point = request.operating_point();
    query.priority = request.priority();
    query.heat_map = request.heat_map();
    RETURN_IF_ERROR(CheckNearest(request.nearest()));
    ASSIGN_OR_RETURN(const Predictions predictions,
                     predictor_.Predict(query, call));
    const v1::Model& model = predictions.model->model();
    const Prediction& prediction = predictions.images[0];
    v1::PredictResponse response = prediction.decided;
    if (request.heat_map()) *response.mutable_heat_map() = prediction.heat_map;
    if (request.nearest() > 0) {
      ASSIGN_OR_RETURN(
          const std::vector<v1::NearestCase> nearest,
          predictions.model->training_cases().Nearest(
              peers_, model, prediction.feature.data(), request.nearest()));
      *response.mutable_nearest() = {nearest.begin(), nearest.end()};
    }
    response.set_model(absl::StrCat(model.name(), "@", model.version()));
    response.set_model_digest(model.digest());
    response.set_feature_space(model.space().digest());
    response.set_image_digest(Sha256Hex(request.image()));
    response.set_prediction_id(RandomHex(16));
    response.set_synthetic(model.lineage().synthetic());
    response.set_batch_size(prediction.batch_size);
    SetDuration(prediction.queue_wait, response.mutable_queue_wait());
    return response;
  }

  const Peers& peers_;
  Batcher batcher_;
  ModelSet models_;  // before batcher_ is destroyed: its thread waits there
  Predictor predictor_;
  InferenceService inference_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context) {
  return std::make_unique<ServingService>(context);
}

}  // namespace nevus
