#include "services/serving/decision.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace nevus {
namespace {

// An image on which nothing can be seen comes before one that is unlike the
// others: it says better what to do.
std::optional<QualityProblem> ReasonToAbstain(const Classifier& classifier,
                                              const Judgement& judgement,
                                              const ImageQuality& quality) {
  if (auto problem = FindQualityProblem(quality)) return problem;
  if (!judgement.out_of_distribution) return std::nullopt;
  return QualityProblem{
      kOutOfDistribution,
      absl::StrFormat(
          "the image is unlike those the model was trained on: its feature is "
          "%.4g away from theirs, up to %.4g is usual. Check that it shows "
          "skin, photographed as the training images were",
          judgement.ood_distance, classifier.ood->threshold)};
}

}  // namespace

const v1::OperatingPoint& PointOrFirst(const v1::Model& model,
                                       const std::string& name) {
  for (const v1::OperatingPoint& point : model.operating_points()) {
    if (point.name() == name) return point;
  }
  return model.operating_points(0);
}

void Decide(const Classifier& classifier, const Judgement& judgement,
            const ImageQuality& quality, const v1::Model& model,
            const v1::OperatingPoint& point, v1::PredictResponse& response) {
  response.set_probability(judgement.probability);
  response.set_operating_point(point.name());
  response.set_threshold(point.threshold());
  if (classifier.ood.has_value()) {
    response.set_ood_distance(judgement.ood_distance);
    response.set_ood_threshold(classifier.ood->threshold);
  }
  response.mutable_quality()->set_shorter_side(quality.shorter_side);
  response.mutable_quality()->set_contrast(quality.contrast);
  response.mutable_quality()->set_sharpness(quality.sharpness);
  if (const auto problem = ReasonToAbstain(classifier, judgement, quality)) {
    response.set_abstain(true);
    response.set_abstain_reason(problem->reason);
    response.set_abstain_message(problem->message);
    response.set_decision("cannot tell");
    return;
  }
  response.set_positive(judgement.probability >= point.threshold());
  response.set_decision(
      absl::StrCat(response.positive() ? "" : "not ", model.positive()));
}

}  // namespace nevus
