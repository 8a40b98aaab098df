// The check before every evaluation. ... -> prediction -> [evaluation].
#include "compute/evaluation/scored_check.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {

absl::Status CheckScored(const std::vector<Scored>& scored) {
  int64_t positives = 0;
  for (size_t row = 0; row < scored.size(); ++row) {
    const double score = scored[row].score;
    if (!(score >= 0 && score <= 1)) {  // Negated, so that NaN fails too.
      return WithReason(absl::InvalidArgumentError(absl::StrCat(
                            "the score of row ", row, " is ", score,
                            "; right is a probability from 0 to 1. Check the "
                            "model that gave it")),
                        "BAD_SCORE", {{"row", absl::StrCat(row)}});
    }
    positives += scored[row].positive ? 1 : 0;
  }
  const int64_t negatives = static_cast<int64_t>(scored.size()) - positives;
  if (positives == 0 || negatives == 0) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the cases are ", positives, " positive and ", negatives,
            " negative ones; sensitivity and specificity need both. Evaluate "
            "on "
            "a split that holds both classes")),
        "CLASS_MISSING");
  }
  return absl::OkStatus();
}

}  // namespace nevus
