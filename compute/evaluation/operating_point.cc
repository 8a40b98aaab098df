// The choice of thresholds, in whole numbers: a sensitivity of exactly 0.95
// must not depend on rounding. ... -> model -> [operating point] -> decision.
#include "compute/evaluation/operating_point.h"

#include <algorithm>
#include <cstdint>

#include "base/status.h"
#include "compute/evaluation/scored_check.h"

namespace nevus {
namespace {

// Youden's index, plus 1, times positives x negatives.
int64_t YoudenIndex(const Confusion& at) {
  return at.tp * (at.tn + at.fp) + at.tn * (at.tp + at.fn);
}

bool FindsNineteenOfTwenty(const RocPoint& point) {
  const Confusion& at = point.confusion;
  return 20 * at.tp >= 19 * (at.tp + at.fn);
}

}  // namespace

absl::StatusOr<std::vector<OperatingPoint>> ChooseOperatingPoints(
    const std::vector<Scored>& validation) {
  RETURN_IF_ERROR(CheckScored(validation));
  // Along the curve the threshold falls and the sensitivity rises. Its end,
  // where all are called positive, is no worse than its beginning, so that the
  // threshold at infinity is never chosen.
  const std::vector<RocPoint> roc = RocCurve(validation);
  RocPoint youden = roc.front();
  for (const RocPoint& point : roc) {
    if (YoudenIndex(point.confusion) >= YoudenIndex(youden.confusion)) {
      youden = point;
    }
  }
  const auto sensitive =
      std::find_if(roc.begin(), roc.end(), FindsNineteenOfTwenty);
  return std::vector<OperatingPoint>{{"youden", youden.threshold},
                                     {"sensitivity_95", sensitive->threshold}};
}

}  // namespace nevus
