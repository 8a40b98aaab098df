// Operating points: named thresholds that turn a probability into a decision.
//
// ... -> model -> [operating point] -> decision. Chosen on the validation split
// alone, before any test case is looked at, and stored with the model. Knows no
// dataset and no report.
#ifndef NEVUS_COMPUTE_EVALUATION_OPERATING_POINT_H_
#define NEVUS_COMPUTE_EVALUATION_OPERATING_POINT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/evaluation/metrics.h"

namespace nevus {

struct OperatingPoint {
  std::string name;
  double threshold = 0;  // positive if score >= threshold
};

// The two points that every model gets, in this order:
// * "youden": the greatest sensitivity + specificity - 1 (Youden, 1950); of
//   several the one with the higher sensitivity, since a missed melanoma costs
//   more than a needless visit;
// * "sensitivity_95": the highest threshold with sensitivity >= 0.95.
// Each threshold is one of the scores given.
//
// Errors are those of CheckScored (scored_check.h).
absl::StatusOr<std::vector<OperatingPoint>> ChooseOperatingPoints(
    const std::vector<Scored>& validation);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_OPERATING_POINT_H_
