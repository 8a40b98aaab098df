// Lets a candidate see what callers were answered: a copy of the image behind
// the answer, logged and shown to nobody.
//
// ... -> prediction -> [shadow] -> log. A shadow costs no caller anything that
// can be avoided: it waits in a short queue of its own, one at a time, behind
// every call in the batcher's, and is dropped, and counted, where there is no
// room or the candidate is not READY.
#ifndef NEVUS_SERVICES_SERVING_SHADOWS_H_
#define NEVUS_SERVICES_SERVING_SHADOWS_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/serving/batcher.h"
#include "services/serving/core/version_policy.h"
#include "services/serving/model_set.h"
#include "services/serving/prediction_watch.h"
#include "services/serving/serving_model.h"
#include "services/serving/shadow_runner.h"

namespace nevus {

// Answers an image behind all calls: at a priority below theirs, so that a full
// queue takes its place first. Errors: those of Batcher::Answer.
absl::StatusOr<ImageAnswer> AnswerBehind(
    Batcher& batcher, const std::shared_ptr<ServingModel>& model,
    std::string_view image, std::function<bool()> abandoned);

// Thread-safe. Start once, then Stop once, before destruction.
class Shadows {
 public:
  // All must outlive this.
  Shadows(const ModelSet& models, Batcher& batcher, PredictionWatch& watch)
      : models_(models), batcher_(batcher), watch_(watch) {}

  void Start() { runner_.Start(); }
  // What is being computed ends; what waits is dropped.
  void Stop() {
    stopped_ = true;
    runner_.Stop();
  }

  // Lets `candidate` see what was answered, later. Waits for nothing.
  void Offer(const VersionId& candidate, const Answered& answered);

 private:
  // What a shadow needs of an answer, copied: the caller is gone.
  struct Copy {
    VersionId candidate;
    std::string image;
    std::string image_digest;
    std::string alias;
    std::string operating_point;
    std::string shadow_of;
  };
  absl::Status Run(const Copy& copy);

  const ModelSet& models_;
  Batcher& batcher_;
  PredictionWatch& watch_;
  std::atomic<bool> stopped_{false};
  ShadowRunner runner_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SHADOWS_H_
