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
#include "compute/classifier/classifier.h"
#include "compute/image/decode.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/decision.h"
#include "services/serving/explanation.h"
#include "services/serving/model_cache.h"

namespace nevus {
namespace {

constexpr int kMostNearest = 100;  // the contract's most (prediction.proto)

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
      : clock_(*context.clock),
        peers_(*context.peers),
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
    RETURN_IF_ERROR(CheckNearest(request.nearest()));
    const absl::Time deadline = absl::FromChrono(call->deadline());
    std::shared_ptr<ExplainedModel> explained;
    if (request.heat_map()) {
      explained = std::make_shared<ExplainedModel>(serving);
    }
    const std::shared_ptr<BatchModel> asked =
        explained != nullptr ? std::shared_ptr<BatchModel>(explained) : serving;
    ASSIGN_OR_RETURN(
        const ImageAnswer answer,
        batcher_.Answer(asked, request.image(), [this, call, deadline] {
          return clock_.Now() >= deadline || call->IsCancelled();
        }));

    const Classifier& classifier = serving->classifier();
    v1::PredictResponse response;
    Decide(classifier, Judge(classifier, answer.feature.data()), answer.quality,
           model, point, response);
    if (explained != nullptr) {
      ASSIGN_OR_RETURN(*response.mutable_heat_map(),
                       explained->Draw(answer.feature));
    }
    if (request.nearest() > 0) {
      ASSIGN_OR_RETURN(
          const std::vector<v1::NearestCase> nearest,
          serving->training_cases().Nearest(
              peers_, model, answer.feature.data(), request.nearest()));
      *response.mutable_nearest() = {nearest.begin(), nearest.end()};
    }
    response.set_model(absl::StrCat(model.name(), "@", model.version()));
    response.set_model_digest(model.digest());
    response.set_feature_space(model.space().digest());
    response.set_image_digest(Sha256Hex(request.image()));
    response.set_prediction_id(RandomHex(16));
    response.set_synthetic(model.lineage().synthetic());
    return response;
  }

  const Clock& clock_;
  const Peers& peers_;
  ModelCache models_;
  Batcher batcher_;  // after models_: its thread ends first
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewServingService(
    const ServiceContext& context) {
  return std::make_unique<ServingService>(context);
}

}  // namespace nevus
