#include "services/serving/serving_service.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/core/batch_queue.h"
#include "services/serving/inference_service.h"
#include "services/serving/model_set.h"
#include "services/serving/prediction_watch.h"
#include "services/serving/predictor.h"
#include "services/serving/serving_model.h"
#include "services/serving/shadows.h"

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
  ServingService(const ServiceContext& context,
                 std::unique_ptr<PredictionWatch> watch)
      : peers_(*context.peers),
        watch_(std::move(watch)),
        batcher_(BatchLimits(), *context.clock),
        models_(
            *context.peers, *context.clock, batcher_,
            {context.compute_threads, context.serving_bytes, context.device}),
        shadows_(models_, batcher_, *watch_),
        predictor_(*context.clock, models_, batcher_, *watch_, shadows_),
        inference_(*context.peers, models_, predictor_) {}

  std::vector<grpc::Service*> grpc_services() override {
    return {this, &inference_, watch_->grpc_service()};
  }
  void Start() override {
    watch_->set_answer([this](const v1::Model& model, std::string_view image,
                              const grpc::ServerContext& call) {
      return AnswerReplay(model, image, call);
    });
    watch_->set_refresh([this](ServingMetrics& metrics) {
      metrics.queue_depth.Set(static_cast<double>(batcher_.waiting()));
    });
    watch_->Start();
    batcher_.Start();
    models_.Start();
    shadows_.Start();
  }
  void Stop() override {
    // Images of calls that are there still get their turn: the batcher stops
    // with the last of them, when it is destroyed.
    predictor_.Drain();
    models_.Stop();
    shadows_.Stop();
    watch_->Stop();
  }
  absl::Status Backup(const std::string& dir) override {
    return watch_->Backup(dir);
  }
  absl::Status Verify(const VerifyVisitor& visit) override {
    return watch_->Verify(visit);
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
    query.key = request.key();
    if (const absl::Status nearest = CheckNearest(request.nearest());
        !nearest.ok()) {
      predictor_.CountRefusal(nearest);
      return nearest;
    }
    ASSIGN_OR_RETURN(const Predictions predictions,
                     predictor_.Predict(query, call));
    const v1::Model& model = predictions.model->model();
    const Prediction& prediction = predictions.images[0];
    v1::PredictResponse response = prediction.decided;
    if (request.heat_map()) *response.mutable_heat_map() = prediction.heat_map;
    if (request.nearest() > 0) {
      const absl::StatusOr<std::vector<v1::NearestCase>> nearest =
          predictions.model->training_cases().Nearest(peers_, model,
                                                      prediction.feature.data(),
                                                      request.nearest(), call);
      if (!nearest.ok()) {
        predictor_.CountRefusal(nearest.status());
        return nearest.status();
      }
      *response.mutable_nearest() = {nearest->begin(), nearest->end()};
    }
    response.set_model(absl::StrCat(model.name(), "@", model.version()));
    response.set_model_digest(model.digest());
    response.set_feature_space(model.space().digest());
    response.set_image_digest(prediction.image_digest);
    response.set_prediction_id(prediction.id);
    response.set_synthetic(model.lineage().synthetic());
    response.set_batch_size(prediction.batch_size);
    SetDuration(prediction.queue_wait, response.mutable_queue_wait());
    response.set_candidate(predictions.is_candidate);
    predictor_.Note(query, predictions);
    return response;
  }

  absl::StatusOr<ImageAnswer> AnswerReplay(const v1::Model& model,
                                           std::string_view image,
                                           const grpc::ServerContext& call) {
    ASSIGN_OR_RETURN(const std::shared_ptr<ServingModel> serving,
                     models_.Get({model.name(), model.version(), ""}, call));
    return AnswerBehind(batcher_, serving, image,
                        [&call] { return call.IsCancelled(); });
  }

  const Peers& peers_;
  const std::unique_ptr<PredictionWatch> watch_;
  Batcher batcher_;
  ModelSet models_;  // before batcher_ is destroyed: its thread waits there
  Shadows shadows_;
  Predictor predictor_;
  InferenceService inference_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<PredictionWatch> watch,
                   PredictionWatch::Open(context));
  return std::make_unique<ServingService>(context, std::move(watch));
}

}  // namespace nevus
