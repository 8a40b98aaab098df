// A model that is loaded: its network, its head, and how it has been doing.
//
// model -> [serving model] -> prediction. The network comes from the same
// source as extraction's (services/extraction/extractor_source.h), the head
// from the same function as evaluation's: one image, one answer.
#ifndef NEVUS_SERVICES_SERVING_SERVING_MODEL_H_
#define NEVUS_SERVICES_SERVING_SERVING_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "compute/classifier/classifier.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/golden.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "services/serving/batcher.h"
#include "services/serving/training_cases.h"

namespace nevus {

// How often, and for how long in all.
struct Tally {
  int64_t count = 0;
  absl::Duration time;
  void Add(absl::Duration took) {
    ++count;
    time += took;
  }
};

// A model's answers since it was loaded.
struct ModelStatistics {
  Tally answered;                // from queue to answer
  Tally failed;                  // the same, without one
  Tally queue;                   // waiting
  Tally computed;                // images, each with its batch's time
  std::map<int, Tally> batches;  // by size
  absl::Time last_answer = absl::InfinitePast();
};

// Answer is for one thread at a time, the batcher's once the model is READY;
// the rest is thread-safe.
class ServingModel final : public BatchModel {
 public:
  // `extractor` is shared among the models of one feature space, whose networks
  // are the same and large.
  ServingModel(v1::Model model, Classifier classifier,
               std::vector<Golden> golden,
               std::shared_ptr<FeatureExtractor> extractor)
      : model_(std::move(model)),
        classifier_(std::move(classifier)),
        golden_(std::move(golden)),
        extractor_(std::move(extractor)) {}

  void Answer(const std::vector<std::string_view>& images,
              const Done& done) override {
    Answer(images, done, {});
  }
  // The same, observed on the way (explanation.h).
  void Answer(const std::vector<std::string_view>& images, const Done& done,
              const ExtractObserver& observer);

  // Without its head.
  const v1::Model& model() const { return model_; }
  const std::vector<Golden>& golden() const { return golden_; }
  const std::shared_ptr<FeatureExtractor>& extractor() const {
    return extractor_;
  }
  const Classifier& classifier() const { return classifier_; }
  TrainingCases& training_cases() { return training_cases_; }
  // What it takes beside the network and the training cases.
  int64_t own_bytes() const;

  // An image of it has been answered, or not, at `now`, `took` after it came.
  void Count(bool answered, absl::Duration took, absl::Duration wait,
             absl::Time now);
  ModelStatistics statistics() const;

 private:
  const v1::Model model_;
  const Classifier classifier_;
  const std::vector<Golden> golden_;
  const std::shared_ptr<FeatureExtractor> extractor_;
  TrainingCases training_cases_;
  mutable Mutex mutex_;
  ModelStatistics statistics_ ABSL_GUARDED_BY(mutex_);
};

// Fetches a version from the registry. `find_extractor` is asked for a network
// that is there before one is loaded, as `extraction` says. Takes seconds for a
// large one. Errors: NOT_FOUND; those of LoadExtractor; FAILED_PRECONDITION
// (FEATURE_SPACE_MISMATCH): the head takes another number of inputs.
absl::StatusOr<std::shared_ptr<ServingModel>> LoadServingModel(
    const Peers& peers, const std::string& name, int64_t version,
    const FeatureExtractorOptions& extraction, PeerCaller caller,
    const std::function<std::shared_ptr<FeatureExtractor>(
        const std::string& space)>& find_extractor);

// Gives the golden images to the model and compares. A network that others use
// already computes on `batcher`'s thread alone; nullptr: nobody does yet, and
// the calling thread computes. Errors: GOLDEN_MISMATCH; those of the images and
// of the batcher.
absl::Status ReproduceGolden(const std::shared_ptr<ServingModel>& model,
                             Batcher* batcher);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SERVING_MODEL_H_
