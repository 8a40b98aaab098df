// Puts the figures of metrics.h together. ... -> prediction -> [evaluation].
#include "compute/evaluation/evaluation.h"

#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/evaluation/scored_check.h"

namespace nevus {
namespace {

// NaN for 0 of 0.
double Fraction(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

AtPoint Judge(const std::vector<Scored>& scored, const OperatingPoint& point) {
  const Confusion at = ConfusionAt(scored, point.threshold);
  AtPoint result;
  result.point = point;
  result.confusion = at;
  result.sensitivity = Fraction(at.tp, at.tp + at.fn);
  result.sensitivity_ci95 = Wilson(at.tp, at.tp + at.fn);
  result.specificity = Fraction(at.tn, at.tn + at.fp);
  result.specificity_ci95 = Wilson(at.tn, at.tn + at.fp);
  result.ppv = Fraction(at.tp, at.tp + at.fp);
  result.npv = Fraction(at.tn, at.tn + at.fn);
  return result;
}

std::map<std::string, LabelSummary> Summarise(
    const std::vector<Scored>& scored, const std::vector<std::string>& labels,
    const std::vector<OperatingPoint>& points) {
  std::map<std::string, LabelSummary> summaries;
  for (size_t i = 0; i < labels.size(); ++i) {
    LabelSummary& summary = summaries[labels[i]];
    summary.called_positive.resize(points.size());
    ++summary.count;
    summary.mean_score += scored[i].score;  // The sum, until the end.
    for (size_t p = 0; p < points.size(); ++p) {
      if (scored[i].score >= points[p].threshold) ++summary.called_positive[p];
    }
  }
  for (auto& [label, summary] : summaries) {
    summary.mean_score /= static_cast<double>(summary.count);
  }
  return summaries;
}

}  // namespace

AbstentionSummary SummariseAbstention(const std::vector<Scored>& scored,
                                      const std::vector<bool>& abstained,
                                      double threshold) {
  AbstentionSummary summary;
  summary.cases = static_cast<int64_t>(scored.size());
  summary.threshold = threshold;
  std::vector<Scored> others;
  int64_t positives = 0;
  for (size_t i = 0; i < scored.size(); ++i) {
    if (abstained[i]) {
      ++summary.abstained;
      summary.positives += scored[i].positive ? 1 : 0;
    } else {
      others.push_back(scored[i]);
      positives += scored[i].positive ? 1 : 0;
    }
  }
  if (positives > 0 && positives < static_cast<int64_t>(others.size())) {
    summary.auc_of_others = Auc(others);
  }
  return summary;
}

absl::StatusOr<Evaluation> Evaluate(const std::vector<Scored>& scored,
                                    const std::vector<OperatingPoint>& points,
                                    const std::vector<std::string>& labels) {
  RETURN_IF_ERROR(CheckScored(scored));
  if (!labels.empty() && labels.size() != scored.size()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "there are ", labels.size(), " labels for ", scored.size(),
            " cases; right is one a case, or none. Give each case its label")),
        "BAD_LABELS");
  }
  for (const OperatingPoint& point : points) {
    if (std::isnan(point.threshold)) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "the threshold of the operating point ", point.name,
              " is NaN; right is a number. Choose it on the validation split")),
          "BAD_THRESHOLD", {{"operating_point", point.name}});
    }
  }
  Evaluation result;
  for (const Scored& one : scored) {
    ++(one.positive ? result.positives : result.negatives);
  }
  result.auc = DeLongAuc(scored);
  result.roc = RocCurve(scored);
  for (const OperatingPoint& point : points) {
    result.points.push_back(Judge(scored, point));
  }
  result.brier = Brier(scored);
  result.calibration = CalibrationBins(scored, kCalibrationBins);
  result.precision_recall = PrecisionRecallCurve(scored);
  result.average_precision = AveragePrecision(scored);
  result.by_label = Summarise(scored, labels, points);
  result.calibrated = JudgeCalibration(scored);
  return result;
}

}  // namespace nevus
