// The models that are loaded: fetched from the registry when first asked for,
// kept while they are among the last used.
//
// model -> [serving model] -> prediction. A model's network comes from the same
// source as extraction's (services/extraction/extractor_source.h), its head
// from the same function as evaluation's: one image, one answer.
#ifndef NEVUS_SERVICES_SERVING_MODEL_CACHE_H_
#define NEVUS_SERVICES_SERVING_MODEL_CACHE_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <future>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "compute/classifier/classifier.h"
#include "compute/feature/feature_extractor.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "services/runtime/peers.h"
#include "services/serving/batcher.h"
#include "services/serving/training_cases.h"

namespace nevus {

// A model with its network. Answer is for the batcher's thread alone; the rest
// is thread-safe.
class ServingModel final : public BatchModel {
 public:
  // `extractor` is shared among the models of one feature space, whose networks
  // are the same and large.
  ServingModel(v1::Model model, Classifier classifier,
               std::shared_ptr<FeatureExtractor> extractor)
      : model_(std::move(model)),
        classifier_(std::move(classifier)),
        extractor_(std::move(extractor)) {}

  std::vector<absl::StatusOr<ImageAnswer>> Answer(
      const std::vector<std::string_view>& images) override {
    return Answer(images, {});
  }
  // The same, observed on the way (explanation.h).
  std::vector<absl::StatusOr<ImageAnswer>> Answer(
      const std::vector<std::string_view>& images,
      const ExtractObserver& observer);

  // Without its head.
  const v1::Model& model() const { return model_; }
  const Classifier& classifier() const { return classifier_; }
  const std::shared_ptr<FeatureExtractor>& extractor() const {
    return extractor_;
  }
  TrainingCases& training_cases() { return training_cases_; }

 private:
  const v1::Model model_;
  const Classifier classifier_;
  const std::shared_ptr<FeatureExtractor> extractor_;
  TrainingCases training_cases_;
};

// Thread-safe. Callers that ask for a model while it loads wait for that load.
class ModelCache {
 public:
  // Networks compute on `threads` cores. `peers` must outlive this.
  ModelCache(const Peers& peers, int threads)
      : peers_(peers), threads_(threads) {}

  // The model that the request names. An alias is looked up each time, so that
  // a promotion counts at once; a version never changes and is not. Shared,
  // because the model may leave the cache while it answers. Errors:
  // INVALID_ARGUMENT: not exactly one of version and alias; NOT_FOUND; those of
  // LoadExtractor.
  absl::StatusOr<std::shared_ptr<ServingModel>> Get(
      const v1::PredictRequest& request, const grpc::ServerContext* call);

 private:
  using Loaded = absl::StatusOr<std::shared_ptr<ServingModel>>;
  struct Entry {
    std::string key;  // "melanoma@3"
    std::shared_future<Loaded> model;
  };

  absl::StatusOr<int64_t> VersionOf(const v1::PredictRequest& request,
                                    const grpc::ServerContext* call);
  Loaded Load(const std::string& name, int64_t version);
  // The network of a loaded model of this space; nullptr if there is none.
  std::shared_ptr<FeatureExtractor> FindExtractor(const std::string& space);

  const Peers& peers_;
  const int threads_;
  Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // last used first
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_MODEL_CACHE_H_
