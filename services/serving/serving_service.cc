#include "services/serving/serving_service.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "compute/image/decode.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/model_cache.h"

namespace nevus {
namespace {

// The operating point of that name; "" is the model's first, its default.
absl::StatusOr<v1::OperatingPoint> FindOperatingPoint(const v1::Model& model,
                                                      const std::string& name) {
  std::vector<std::string> names;
  for (const v1::OperatingPoint& point : model.operating_points()) {
    if (name.empty() || point.name() == name) return point;
    names.push_back(point.name());
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "model ", model.name(), "@", model.version(),
                        " has no operating point ", Quoted(name), "; it has ",
                        names.empty() ? "none" : absl::StrJoin(names, ", "),
                        ". Name one of them, or none for the first")),
                    "OPERATING_POINT_UNKNOWN");
}

class ServingService final : public HostedService,
                             public v1::PredictionService::Service {
 public:
  explicit ServingService(const ServiceContext& context)
      : clock_(*context.clock),
        models_(*context.peers, context.compute_threads),
        batcher_(BatcherOptions()) {}

  std::vector<grpc::Service*> grpc_services() override { return {this}; }
  void Start() override { batcher_.Start(); }
  void Stop() override { batcher_.Stop(); }

  grpc::Status Predict(grpc::ServerContext* call,
                       const v1::PredictRequest* request,
                       v1::PredictResponse* response) override {
    absl::StatusOr<v1::PredictResponse> answer = Answer(*request, call);
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

 private:
  absl::StatusOr<v1::PredictResponse> Answer(const v1::PredictRequest& request,
                                             grpc::ServerContext* call) {
    // What is no image takes no place in the queue.
    RETURN_IF_ERROR(ReadImageHeader(request.image(), DecodeLimits()).status());
    ASSIGN_OR_RETURN(const std::shared_ptr<ServingModel> serving,
                     models_.Get(request, call));
    const v1::Model& model = serving->model();
    ASSIGN_OR_RETURN(const v1::OperatingPoint point,
                     FindOperatingPoint(model, request.operating_point()));
    const absl::Time deadline = absl::FromChrono(call->deadline());
    ASSIGN_OR_RETURN(
        const double probability,
        batcher_.Answer(serving, request.image(), [this, call, deadline] {
          return clock_.Now() >= deadline || call->IsCancelled();
        }));

    v1::PredictResponse response;
    response.set_probability(probability);
    response.set_positive(probability >= point.threshold());
    response.set_decision(
        absl::StrCat(response.positive() ? "" : "not ", model.positive()));
    response.set_operating_point(point.name());
    response.set_threshold(point.threshold());
    response.set_model(absl::StrCat(model.name(), "@", model.version()));
    response.set_model_digest(model.digest());
    response.set_feature_space(model.space().digest());
    response.set_image_digest(Sha256Hex(request.image()));
    response.set_prediction_id(RandomHex(16));
    response.set_synthetic(model.lineage().synthetic());
    return response;
  }

  const Clock& clock_;
  ModelCache models_;
  Batcher batcher_;  // after models_: its thread ends first
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context) {
  return std::make_unique<ServingService>(context);
}

}  // namespace nevus
