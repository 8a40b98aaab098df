// The choice of thresholds. ... -> model -> [operating point] -> decision.
//
// A share is compared as the quotient of two counts: rounded once, as the
// literal 0.95 is, so that 19 of 20 are exactly 0.95.
#include "compute/evaluation/operating_point.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/evaluation/scored_check.h"

namespace nevus {
namespace {

using Kind = OperatingPointRule::Kind;

// Youden's index, plus 1, times positives x negatives.
double YoudenIndex(const Confusion& at) {
  return static_cast<double>(at.tp * (at.tn + at.fp) + at.tn * (at.tp + at.fn));
}

// What a point is worth: whole numbers where the ratio is one.
double Worth(const OperatingPointRule& rule, const Confusion& at) {
  return rule.kind == Kind::kYouden
             ? YoudenIndex(at)
             : -(rule.value * static_cast<double>(at.fn) +
                 static_cast<double>(at.fp));
}

// Along the curve the threshold falls and the sensitivity rises.
RocPoint Choose(const std::vector<RocPoint>& roc,
                const OperatingPointRule& rule) {
  if (rule.kind == Kind::kSensitivity) {
    return *std::find_if(roc.begin(), roc.end(), [&](const RocPoint& point) {
      return point.sensitivity >= rule.value;
    });
  }
  RocPoint best = roc.front();
  for (const RocPoint& point : roc) {
    const bool better =
        rule.kind == Kind::kSpecificity
            ? point.specificity >= rule.value
            : Worth(rule, point.confusion) >= Worth(rule, best.confusion);
    if (better) best = point;
  }
  return best;
}

}  // namespace

std::vector<OperatingPointRule> DefaultOperatingPointRules() {
  return {{"youden", Kind::kYouden, 0},
          {"sensitivity_95", Kind::kSensitivity, 0.95}};
}

std::string RuleText(const OperatingPointRule& rule) {
  switch (rule.kind) {
    case Kind::kYouden:
      return "greatest sensitivity + specificity";
    case Kind::kSensitivity:
      return absl::StrCat("sensitivity >= ", rule.value);
    case Kind::kSpecificity:
      return absl::StrCat("specificity >= ", rule.value);
    case Kind::kCostRatio:
      return absl::StrCat("least misses x ", rule.value, " + false alarms");
  }
  return "";
}

absl::Status CheckRule(const OperatingPointRule& rule) {
  if (rule.kind == Kind::kYouden) return absl::OkStatus();
  const bool cost = rule.kind == Kind::kCostRatio;
  // Negated, so that NaN fails.
  if (rule.value > 0 && (cost ? std::isfinite(rule.value) : rule.value <= 1)) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "operating point ", rule.name, " asks for ", RuleText(rule),
          "; right is a number above 0",
          cost ? "" : " and at most 1, such as 0.95", ". Change the number")),
      "OPERATING_POINT_INVALID", {{"operating_point", rule.name}});
}

absl::StatusOr<std::vector<ChosenPoint>> ChooseOperatingPoints(
    const std::vector<Scored>& validation,
    const std::vector<OperatingPointRule>& rules) {
  RETURN_IF_ERROR(CheckScored(validation));
  for (const OperatingPointRule& rule : rules) RETURN_IF_ERROR(CheckRule(rule));
  const std::vector<RocPoint> roc = RocCurve(validation);
  std::vector<ChosenPoint> chosen;
  for (const OperatingPointRule& rule : rules) {
    const RocPoint at = Choose(roc, rule);
    double threshold = at.threshold;
    if (std::isinf(threshold)) {
      threshold = std::nextafter(roc[1].threshold,
                                 std::numeric_limits<double>::infinity());
    }
    chosen.push_back({{rule.name, threshold}, RuleText(rule), at.confusion});
  }
  return chosen;
}

}  // namespace nevus
