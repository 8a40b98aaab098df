// A model's golden answers: what it made of a few generated images where it was
// trained, kept with it, and whether it makes the same of them here.
//
// A server answers nobody with a model before it has: weights that came
// damaged, a decoder of another version, a processor that multiplies wrongly or
// a head of another model show here, not in a patient's answer. Pure: whoever
// asks has run the network.
#ifndef NEVUS_COMPUTE_FEATURE_GOLDEN_H_
#define NEVUS_COMPUTE_FEATURE_GOLDEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/classifier/head.h"
#include "compute/feature/feature_extractor.h"

namespace nevus {

struct Golden {
  std::string image;  // encoded
  std::vector<float> feature;
  double logit = 0;
};

// What `head` on `extractor` answers for GoldenImages(). Errors: those of
// Extract.
absl::StatusOr<std::vector<Golden>> MakeGolden(FeatureExtractor& extractor,
                                               const Head& head);

// How far a feature may be from its golden one, as the length of the difference
// over the length of the golden: the same machine gives the same bits, another
// one the same numbers but for rounding. A wrong channel order, weight or
// normalisation gives 0.1 and more.
double GoldenTolerance(Arithmetic arithmetic);

// FAILED_PRECONDITION (GOLDEN_MISMATCH), saying how far it is and what to do,
// unless `feature` and `logit` are those of `golden` within the tolerance.
absl::Status CheckGolden(const Golden& golden, Arithmetic arithmetic,
                         const std::vector<float>& feature, double logit);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_GOLDEN_H_
