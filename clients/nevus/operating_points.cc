#include "clients/nevus/operating_points.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/command.h"

namespace nevus {
namespace {

absl::Status NotARule(const std::string& text) {
  return UsageError(absl::StrCat(
      "--operating-point ", Quoted(text),
      " is not NAME:RULE; write screening:sensitivity=0.95, "
      "biopsy:specificity=0.9, triage:cost=10 or balanced:youden"));
}

}  // namespace

absl::StatusOr<google::protobuf::RepeatedPtrField<v1::OperatingPointRule>>
ParseOperatingPoints(const std::vector<std::string>& texts) {
  google::protobuf::RepeatedPtrField<v1::OperatingPointRule> rules;
  for (const std::string& text : texts) {
    v1::OperatingPointRule& rule = *rules.Add();
    const size_t colon = text.find(':');
    if (colon == std::string::npos) return NotARule(text);
    rule.set_name(text.substr(0, colon));
    const std::string how = text.substr(colon + 1);
    if (how == "youden") {
      rule.set_youden(true);
      continue;
    }
    const size_t equals = how.find('=');
    double value = 0;
    if (equals == std::string::npos ||
        !absl::SimpleAtod(how.substr(equals + 1), &value)) {
      return NotARule(text);
    }
    const std::string kind = how.substr(0, equals);
    if (kind == "sensitivity") {
      rule.set_sensitivity(value);
    } else if (kind == "specificity") {
      rule.set_specificity(value);
    } else if (kind == "cost") {
      rule.set_cost_ratio(value);
    } else {
      return NotARule(text);
    }
  }
  return rules;
}

}  // namespace nevus
