// From images to probabilities: what both of serving's APIs do. The adapters
// (serving_service.cc, inference_service.cc) decode a request, ask here, and
// encode the answer.
#ifndef NEVUS_SERVICES_SERVING_PREDICTOR_H_
#define NEVUS_SERVICES_SERVING_PREDICTOR_H_

#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "services/serving/batcher.h"
#include "services/serving/model_set.h"
#include "services/serving/prediction_watch.h"
#include "services/serving/serving_model.h"
#include "services/serving/shadows.h"

namespace nevus {

struct PredictQuery {
  ModelReference model;
  std::vector<std::string_view> images;  // at least one
  std::string operating_point;           // "": the model's first
  int64_t priority = 0;                  // -100 to 100
  bool heat_map = false;
  // Whom a canary sticks to; "": the first image's digest.
  std::string key;
};

// What was found for one image.
struct Prediction {
  std::string id;            // names the answer: 32 hex digits
  std::string image_digest;  // SHA-256 of the image
  std::vector<float> feature;
  v1::PredictResponse decided;  // all that Decide fills (decision.h)
  v1::HeatMap heat_map;         // if asked for
  int batch_size = 0;
  absl::Duration queue_wait;
};

struct Predictions {
  std::shared_ptr<ServingModel> model;  // that answered
  bool is_candidate = false;       // the model is one, tried under the alias
  int64_t shadow_version = 0;      // that is to see the images too; 0: none
  v1::OperatingPoint point;        // that decided
  std::vector<Prediction> images;  // in the query's order
};

// Thread-safe.
class Predictor {
 public:
  // All must outlive this.
  Predictor(const Clock& clock, ModelSet& models, Batcher& batcher,
            PredictionWatch& watch, Shadows& shadows)
      : clock_(clock),
        models_(models),
        batcher_(batcher),
        watch_(watch),
        shadows_(shadows) {}

  // Answers for all images or for none. Errors: INVALID_ARGUMENT: an image is
  // bad, of several with its number; the operating point is unknown
  // (OPERATING_POINT_UNKNOWN), the priority out of range (PRIORITY_INVALID);
  // the key is too long (KEY_TOO_LONG); FAILED_PRECONDITION: no heat map for
  // this feature space (HEAT_MAP_UNSUPPORTED); UNAVAILABLE: draining
  // (DRAINING); those of ModelSet::Choose and Batcher::Answer.
  absl::StatusOr<Predictions> Predict(const PredictQuery& query,
                                      const grpc::ServerContext& call);

  // Counts a call that ends without an answer outside of Predict.
  void CountRefusal(const absl::Status& refused) {
    watch_.metrics().CountError(refused);
  }

  // Logs what `query` is answered with, and lets a shadow see it. Waits for
  // nothing. To be called once, when nothing can fail any more.
  void Note(const PredictQuery& query, const Predictions& predictions);

  // Calls that come from now on are refused; those that are there are answered.
  void Drain() { drains_ = true; }
  bool drains() const { return drains_; }

 private:
  absl::StatusOr<Predictions> Find(const PredictQuery& query,
                                   const grpc::ServerContext& call);
  absl::StatusOr<Predictions> Answer(const PredictQuery& query,
                                     const std::shared_ptr<ServingModel>& model,
                                     const grpc::ServerContext& call);
  // The way through the network, and with a heat map the look at it.
  absl::StatusOr<std::vector<BatchedAnswer>> Compute(
      const PredictQuery& query, const std::shared_ptr<ServingModel>& model,
      const grpc::ServerContext& call, std::vector<v1::HeatMap>& heat_maps);

  const Clock& clock_;
  ModelSet& models_;
  Batcher& batcher_;
  PredictionWatch& watch_;
  Shadows& shadows_;
  std::atomic<bool> drains_{false};
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_PREDICTOR_H_
