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

// How a threshold is chosen.
struct OperatingPointRule {
  enum class Kind {
    // The greatest sensitivity + specificity - 1 (Youden, 1950); of several the
    // one with the higher sensitivity, since a missed melanoma costs more than
    // a needless visit.
    kYouden,
    // The highest threshold with sensitivity >= value.
    kSensitivity,
    // The lowest threshold with specificity >= value.
    kSpecificity,
    // The least cost, where a missed positive costs `value` false alarms; of
    // several the one with the higher sensitivity.
    kCostRatio,
  };
  std::string name;
  Kind kind = Kind::kYouden;
  double value = 0;
};

// "youden" and "sensitivity_95": what a model gets that asks for nothing else.
std::vector<OperatingPointRule> DefaultOperatingPointRules();

// "sensitivity >= 0.95", "least misses x 10 + false alarms".
std::string RuleText(const OperatingPointRule& rule);

struct ChosenPoint {
  OperatingPoint point;
  std::string rule;     // RuleText
  Confusion confusion;  // of the cases it was chosen on
};

// One point a rule, in order. Each threshold is one of the scores given, or the
// next number above the highest where only calling nobody positive will do.
//
// Errors are those of CheckScored (scored_check.h), and INVALID_ARGUMENT
// (OPERATING_POINT_INVALID, metadata `operating_point`) for a value out of
// range: a sensitivity or specificity is above 0 and at most 1, a cost ratio is
// finite and above 0.
absl::StatusOr<std::vector<ChosenPoint>> ChooseOperatingPoints(
    const std::vector<Scored>& validation,
    const std::vector<OperatingPointRule>& rules);

// The same check of a rule's value, for who asks before there are scores.
absl::Status CheckRule(const OperatingPointRule& rule);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_OPERATING_POINT_H_
