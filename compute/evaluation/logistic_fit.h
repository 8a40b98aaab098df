// Logistic regression of a truth on one number, by Newton's method.
//
// ... -> prediction -> [evaluation]. Both calibrating (compute/classifier/
// calibration.h) and asking how well calibrated something is (calibration_fit.h
// beside this) come down to it. Pure; knows no classifier.
#ifndef NEVUS_COMPUTE_EVALUATION_LOGISTIC_FIT_H_
#define NEVUS_COMPUTE_EVALUATION_LOGISTIC_FIT_H_

#include <optional>
#include <vector>

namespace nevus {

// Which of the two numbers are free; the other keeps its start: slope 1,
// intercept 0.
enum class LogisticFree { kSlope, kIntercept, kBoth };

struct LogisticFit {
  double slope = 1;
  double intercept = 0;
  // From the inverse of the Hessian at the optimum; 0 for what is not free.
  double slope_error = 0;
  double intercept_error = 0;
};

// Minimises the sum over rows of -t log p - (1 - t) log(1 - p), with
// p = 1 / (1 + exp(-(slope x + intercept))) and t the row's target in [0,1].
// The sum is convex, so the answer does not depend on where it begins. Nothing
// if it has no minimum (the targets 0 and 1 are parted by x) or no single one
// (x is constant and both are free).
// REQUIRES: as many targets as x, at least one; all finite.
std::optional<LogisticFit> FitLogistic(const std::vector<double>& x,
                                       const std::vector<double>& targets,
                                       LogisticFree free);

// log(1 + exp(z)), without overflow.
double Softplus(double z);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_LOGISTIC_FIT_H_
