// What scores must be before anything is worked out from them.
// ... -> prediction -> [evaluation]; knows no figure.
#ifndef NEVUS_COMPUTE_EVALUATION_SCORED_CHECK_H_
#define NEVUS_COMPUTE_EVALUATION_SCORED_CHECK_H_

#include <vector>

#include "absl/status/status.h"
#include "compute/evaluation/metrics.h"

namespace nevus {

// Errors:
// * INVALID_ARGUMENT: a score is no probability in [0,1] (BAD_SCORE, metadata
//   `row`).
// * FAILED_PRECONDITION: no positive or no negative case (CLASS_MISSING).
absl::Status CheckScored(const std::vector<Scored>& scored);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_SCORED_CHECK_H_
