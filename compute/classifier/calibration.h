// Calibration: from the head's logit to a probability that means what it says.
//
// feature -> head -> [calibration] -> prediction. A head that was trained with
// weighted classes ranks well and says too high a probability. What maps its
// logits to honest ones is fitted on the validation split, chosen by a rule
// (ChooseCalibration), stored with the model, and applied by one function in
// evaluation and serving. Pure; knows no store and no network.
#ifndef NEVUS_COMPUTE_CLASSIFIER_CALIBRATION_H_
#define NEVUS_COMPUTE_CLASSIFIER_CALIBRATION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/evaluation/metrics.h"

namespace nevus {

// From the simplest to the most flexible.
enum class CalibrationMethod {
  kNone,         // p = 1 / (1 + exp(-logit))
  kTemperature,  // p = 1 / (1 + exp(-slope logit)), Guo et al., ICML 2017
  kPlatt,        // p = 1 / (1 + exp(-(slope logit + intercept))), Platt 1999
  kIsotonic,     // any rising step function, linear between its knots
};

// "none", "temperature", "platt", "isotonic".
const char* CalibrationName(CalibrationMethod method);
// INVALID_ARGUMENT (CALIBRATION_UNKNOWN) for any other name.
absl::StatusOr<CalibrationMethod> ParseCalibration(const std::string& name);

// A value. It never falls as the logit rises, so that ranks stay, but for ties
// that isotonic makes.
struct ScoreCalibration {
  CalibrationMethod method = CalibrationMethod::kNone;
  double slope = 1;
  double intercept = 0;
  // Of isotonic, otherwise empty: rising logits, each with its probability,
  // which never falls. Before the first and after the last it is constant.
  std::vector<double> knot_logits;
  std::vector<double> knot_probabilities;
};

// INVALID_ARGUMENT (CALIBRATION_INVALID) unless it is as described above. Call
// it on one that was read.
absl::Status CheckCalibration(const ScoreCalibration& calibration);

// The probability, in [0,1]. Without a calibration the bits of Probability
// (head.h). NaN for NaN.
double Calibrated(const ScoreCalibration& calibration, float logit);

// Fits; `score` is a logit here. Nothing if the method has no answer or one
// that falls (a classifier worse than chance).
//
// Temperature and Platt aim at (positives + 1) / (positives + 2) and
// 1 / (negatives + 2) in place of 1 and 0 (Platt's smoothed targets), so that
// few, well separated cases do not give certainty. Isotonic keeps its
// probabilities within 1 / (n + 2) of 0 and 1, for the same reason.
std::optional<ScoreCalibration> FitTemperature(
    const std::vector<Scored>& logits);
std::optional<ScoreCalibration> FitPlatt(const std::vector<Scored>& logits);
std::optional<ScoreCalibration> FitIsotonic(const std::vector<Scored>& logits);

struct CalibrationCandidate {
  CalibrationMethod method = CalibrationMethod::kNone;
  // Mean over the cases, in nats, each judged by a fit that did not see it.
  double log_loss = 0;
  // By how much it is above the best candidate's, and the standard error of
  // that difference over the cases.
  double excess = 0;
  double excess_error = 0;
};

struct ChosenCalibration {
  ScoreCalibration calibration;
  std::vector<CalibrationCandidate> candidates;  // from the simplest on
};

// The rule. `groups`: the lesion or patient of each case, "" for one alone;
// empty: all are alone. A group counts once, as positive if any of its cases
// is, and is in one fold: two images of a lesion are hardly two witnesses.
// Candidates are none; from 10 groups of each class on temperature and Platt;
// from 1,000 groups with 100 of each class on isotonic. Each is judged by
// 5-fold cross-validated log loss (the i-th group of its class is in fold
// i mod 5); the simplest wins whose loss is above the best one's by no more
// than one standard error of the difference, groups drawn, and is fitted on all
// cases.
//
// Errors: INVALID_ARGUMENT: a logit is not finite (LOGIT_NOT_FINITE).
// FAILED_PRECONDITION: no positive or no negative case (CLASS_MISSING).
// REQUIRES: groups are none, or as many as logits.
absl::StatusOr<ChosenCalibration> ChooseCalibration(
    const std::vector<Scored>& logits,
    const std::vector<std::string>& groups = {});

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_CALIBRATION_H_
