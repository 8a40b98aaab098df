// Logged predictions answered once more by another version: what a promotion
// would have changed.
//
// ... -> prediction -> log -> [replay]. The input is a feature that an
// extraction stored, or the image: of a dataset, or of the log if it was told
// to keep images.
#ifndef NEVUS_SERVICES_SERVING_REPLAY_H_
#define NEVUS_SERVICES_SERVING_REPLAY_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/classifier/classifier.h"
#include "compute/evaluation/metrics.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction_log.pb.h"
#include "services/runtime/peers.h"
#include "services/serving/batcher.h"
#include "storage/prediction/prediction_store.h"

namespace nevus {

// Answers an image with a model version, behind all others.
using AnswerImage = std::function<absl::StatusOr<ImageAnswer>(
    const v1::Model& model, std::string_view image,
    const grpc::ServerContext& call)>;

// What a replay found, prediction by prediction. Pure, thread-compatible.
class ReplayTally {
 public:
  void Add(const v1::ReplayedPrediction& replayed);
  v1::ReplaySummary Summary() const;

 private:
  v1::ReplaySummary counts_;
  // Those with an outcome.
  std::vector<Scored> logged_;
  std::vector<Scored> candidate_;
};

// Sets what `candidate` decides: at its operating point of the logged one's
// name, or its first. `image_is_bad`: nothing can be seen on it
// (compute/image/quality.h). Pure. REQUIRES: it has a point.
void DecideAnew(const v1::Model& candidate, const Judgement& judgement,
                bool image_is_bad, v1::ReplayedPrediction& replayed);

// The newest prediction of each image that `request` asks for, in order of
// time. Errors: those of the store.
absl::StatusOr<std::vector<v1::LoggedPrediction>> SelectForReplay(
    const PredictionStore& store, const v1::ReplayPredictionsRequest& request,
    const PredictionQuery& window);

// Answers `predictions` with `candidate`, which has its head, and gives each to
// `visit`, until it returns false.
absl::Status Replay(
    const std::vector<v1::LoggedPrediction>& predictions,
    const v1::Model& candidate, const Peers& peers,
    const PredictionStore& store, const AnswerImage& answer,
    const grpc::ServerContext& call,
    const std::function<bool(const v1::ReplayedPrediction&)>& visit);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_REPLAY_H_
