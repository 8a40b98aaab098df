#include "services/serving/live_performance.h"

#include "services/runtime/baseline.h"

namespace nevus {
namespace {

constexpr int kCalibrationBins = 10;

void SetOutcomes(const std::vector<Scored>& scored,
                 v1::LivePerformance& figures) {
  figures.set_with_outcome(static_cast<int64_t>(scored.size()));
  for (const Scored& one : scored) {
    if (one.positive) {
      figures.set_positives(figures.positives() + 1);
    } else {
      figures.set_negatives(figures.negatives() + 1);
    }
  }
  if (scored.empty()) return;
  if (figures.positives() > 0 && figures.negatives() > 0) {
    const AucResult auc = DeLongAuc(scored);
    figures.set_has_auc(true);
    figures.set_auc(auc.auc);
    figures.set_auc_low(auc.ci95.low);
    figures.set_auc_high(auc.ci95.high);
  }
  const double all = static_cast<double>(scored.size());
  figures.set_brier(Brier(scored));
  figures.set_observed(static_cast<double>(figures.positives()) / all);
  double sum = 0;
  for (const Scored& one : scored) sum += one.score;
  figures.set_mean_probability(sum / all);
  for (const CalibrationBin& bin : CalibrationBins(scored, kCalibrationBins)) {
    v1::LiveCalibrationBin& added = *figures.add_calibration();
    added.set_count(bin.count);
    added.set_mean_probability(bin.mean_score);
    added.set_observed(bin.observed);
    added.set_observed_low(bin.ci95.low);
    added.set_observed_high(bin.ci95.high);
  }
}

double Share(int64_t part, int64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

bool TurnedOutPositive(const v1::LoggedPrediction& prediction) {
  return prediction.outcome().label() == prediction.finds();
}

void LiveFigures::Add(const v1::LoggedPrediction& prediction) {
  scores_.push_back(prediction.probability());
  if (prediction.abstain()) ++abstained_;
  if (!prediction.feature_bins().empty()) {
    bins_.push_back(prediction.feature_bins());
  }
  if (!prediction.has_outcome()) return;
  Case& one = cases_[prediction.image_digest()];
  one.scored = {prediction.probability(), TurnedOutPositive(prediction)};
  // Of an abstention too, as evaluation judges all rows.
  one.called_positive = prediction.probability() >= prediction.threshold();
}

v1::LivePerformance LiveFigures::Result(const DriftBaseline& baseline) const {
  v1::LivePerformance figures;
  figures.set_predictions(static_cast<int64_t>(scores_.size()));
  figures.set_abstained(abstained_);
  std::vector<Scored> scored;
  int64_t found = 0;
  int64_t left_alone = 0;
  for (const auto& [image, one] : cases_) {
    scored.push_back(one.scored);
    if (one.called_positive == one.scored.positive) {
      ++(one.called_positive ? found : left_alone);
    }
  }
  SetOutcomes(scored, figures);
  const Interval sensitivity = Wilson(found, figures.positives());
  figures.set_sensitivity(Share(found, figures.positives()));
  figures.set_sensitivity_low(sensitivity.low);
  figures.set_sensitivity_high(sensitivity.high);
  const Interval specificity = Wilson(left_alone, figures.negatives());
  figures.set_specificity(Share(left_alone, figures.negatives()));
  figures.set_specificity_low(specificity.low);
  figures.set_specificity_high(specificity.high);
  *figures.mutable_score_drift() = ToProto(ScoreDrift(baseline, scores_));
  *figures.mutable_feature_drift() = ToProto(FeatureDrift(
      baseline, std::vector<std::string_view>(bins_.begin(), bins_.end())));
  return figures;
}

}  // namespace nevus
