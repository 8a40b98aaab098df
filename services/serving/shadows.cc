#include "services/serving/shadows.h"

#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "compute/classifier/classifier.h"
#include "services/serving/decision.h"

namespace nevus {
namespace {

// A shadow holds a copy of its image while it waits.
constexpr size_t kMaxShadowBytes = size_t{8} << 20;
// One below the lowest that a call may ask for (prediction.proto).
constexpr int kBehindCalls = -101;

}  // namespace

absl::StatusOr<ImageAnswer> AnswerBehind(
    Batcher& batcher, const std::shared_ptr<ServingModel>& model,
    std::string_view image, std::function<bool()> abandoned) {
  BatchRequest request;
  request.model = model;
  request.images = {image};
  request.priority = kBehindCalls;
  request.abandoned = std::move(abandoned);
  ASSIGN_OR_RETURN(std::vector<absl::StatusOr<BatchedAnswer>> answers,
                   batcher.Answer(request));
  RETURN_IF_ERROR(answers[0].status());
  return std::move(answers[0]->answer);
}

void Shadows::Offer(const VersionId& candidate, const Answered& answered) {
  if (answered.image.size() <= kMaxShadowBytes) {
    Copy copy{candidate,
              std::string(answered.image),
              answered.image_digest,
              answered.alias,
              answered.decided->operating_point(),
              answered.prediction_id};
    if (runner_.Offer([this, copy = std::move(copy)] {
          if (!Run(copy).ok()) watch_.metrics().shadows_dropped.Add(1);
        })) {
      return;
    }
  }
  watch_.metrics().shadows_dropped.Add(1);
}

absl::Status Shadows::Run(const Copy& copy) {
  const std::shared_ptr<ServingModel> serving =
      models_.FindLoaded(copy.candidate);
  if (serving == nullptr) {
    return absl::UnavailableError("the candidate is not READY");
  }
  ASSIGN_OR_RETURN(const ImageAnswer answer,
                   AnswerBehind(batcher_, serving, copy.image,
                                [this] { return stopped_.load(); }));
  const v1::Model& model = serving->model();
  const Classifier& classifier = serving->classifier();
  v1::PredictResponse decided;
  Decide(classifier, Judge(classifier, answer.feature.data()), answer.quality,
         model, PointOrFirst(model, copy.operating_point), decided);
  Answered shadow;
  shadow.model = &model;
  shadow.image = copy.image;
  shadow.image_digest = copy.image_digest;
  shadow.feature = &answer.feature;
  shadow.prediction_id = RandomHex(16);
  shadow.alias = copy.alias;
  shadow.decided = &decided;
  shadow.role = v1::SHADOW;
  shadow.shadow_of = copy.shadow_of;
  watch_.Note(shadow);
  return absl::OkStatus();
}

}  // namespace nevus
