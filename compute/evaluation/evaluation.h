// A classifier judged: every figure of one set of scored cases.
//
// ... -> model -> prediction -> [evaluation] -> report. Takes thresholds as
// they are (operating_point.h chooses them, elsewhere and earlier); knows no
// model, no dataset and no page.
#ifndef NEVUS_COMPUTE_EVALUATION_EVALUATION_H_
#define NEVUS_COMPUTE_EVALUATION_EVALUATION_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/evaluation/calibration_fit.h"
#include "compute/evaluation/metrics.h"
#include "compute/evaluation/operating_point.h"

namespace nevus {

// How the decisions at one threshold fare.
struct AtPoint {
  OperatingPoint point;
  Confusion confusion;
  double sensitivity = 0;
  Interval sensitivity_ci95;  // Wilson
  double specificity = 0;
  Interval specificity_ci95;  // Wilson
  // Of those called positive (negative), the fraction that is. They hold for
  // this prevalence only. NaN when nobody was called so.
  double ppv = 0;
  double npv = 0;
};

// The cases of one diagnosis, finer than positive and negative.
struct LabelSummary {
  int64_t count = 0;
  double mean_score = 0;
  std::vector<int64_t> called_positive;  // one for each of Evaluation::points
};

// The cases on which a model says nothing. The other figures count all cases:
// abstaining must not make a classifier look better than it ranks.
struct AbstentionSummary {
  int64_t cases = 0;
  int64_t abstained = 0;
  int64_t positives = 0;  // of those abstained
  double threshold = 0;   // of the distance
  // Over the cases that are left; nothing if a class is not among them.
  std::optional<double> auc_of_others;
};

struct Evaluation {
  int64_t positives = 0;
  int64_t negatives = 0;
  AucResult auc;
  std::vector<RocPoint> roc;
  std::vector<AtPoint> points;  // in the order given
  double brier = 0;
  std::vector<CalibrationBin> calibration;  // at most 10 bins
  std::vector<PrecisionRecallPoint> precision_recall;
  double average_precision = 0;
  std::map<std::string, LabelSummary> by_label;  // empty without labels
  CalibrationFigures calibrated;                 // of the scores given
  // Not worked out by Evaluate: what who calls knows beside the scores.
  std::optional<CalibrationFigures> uncalibrated;
  std::optional<AbstentionSummary> abstention;
};

// `abstained`: for each case whether the model says nothing of it.
// REQUIRES: one a case.
AbstentionSummary SummariseAbstention(const std::vector<Scored>& scored,
                                      const std::vector<bool>& abstained,
                                      double threshold);

// Works out every figure of `scored`. `labels`: a diagnosis for each case, in
// the same order, or none at all.
//
// Errors: those of CheckScored (scored_check.h); INVALID_ARGUMENT if there are
// labels, but not one a case (BAD_LABELS), or a threshold is NaN
// (BAD_THRESHOLD).
absl::StatusOr<Evaluation> Evaluate(
    const std::vector<Scored>& scored,
    const std::vector<OperatingPoint>& points,
    const std::vector<std::string>& labels = {});

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_EVALUATION_H_
