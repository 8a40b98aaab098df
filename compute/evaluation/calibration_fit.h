// How honest are probabilities? Cox's recalibration and the expected
// calibration error.
//
// ... -> prediction -> [evaluation]. A Brier score mixes ranking and honesty;
// these look at honesty alone. Pure functions of scores and truths; formulas
// and limits: docs/evaluation.md.
#ifndef NEVUS_COMPUTE_EVALUATION_CALIBRATION_FIT_H_
#define NEVUS_COMPUTE_EVALUATION_CALIBRATION_FIT_H_

#include <vector>

#include "compute/evaluation/metrics.h"

namespace nevus {

// Of a logistic regression of the truth on log(p / (1 - p)) (Cox, Biometrika
// 45, 1958). A slope below 1: probabilities are too extreme; above: too timid.
// An intercept (with the slope held at 1: "in the large") below 0: they are too
// high. Not a number where there is no answer: all probabilities are equal, or
// they part the classes.
struct CalibrationFit {
  double slope = 0;
  Interval slope_ci95;  // +- 1.96 standard errors
  double intercept = 0;
  Interval intercept_ci95;
};

// Probabilities are held 1e-12 off 0 and 1, whose logits are infinite.
// REQUIRES: both classes; scores in [0,1].
CalibrationFit FitCalibration(const std::vector<Scored>& scored);

// The mean over `bins` of |mean score - observed frequency|, each weighted by
// its cases. 0 is perfect; few cases give more by chance alone.
double ExpectedCalibrationError(const std::vector<CalibrationBin>& bins);

// All of these, and the Brier score.
struct CalibrationFigures {
  CalibrationFit fit;
  double expected_error = 0;
  double brier = 0;
  double log_loss = 0;
};
// Over the groups of CalibrationBins(scored, kCalibrationBins). REQUIRES: as
// FitCalibration.
constexpr int kCalibrationBins = 10;
CalibrationFigures JudgeCalibration(const std::vector<Scored>& scored);

// The mean of -log of what was said of the truth, in nats; held as above.
double LogLoss(const std::vector<Scored>& scored);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_CALIBRATION_FIT_H_
