// A network in every precision that the machine has: what each costs in memory
// and accuracy, and where its time goes.
#ifndef NEVUS_TESTS_BENCH_PRECISIONS_H_
#define NEVUS_TESTS_BENCH_PRECISIONS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/arithmetic_choice.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/feature_space.h"

namespace nevus {

using Facts = std::vector<std::pair<std::string, std::string>>;

// One image each of what ReadyPlanes gives.
Planes SplitPlanes(const Backbone& backbone, const std::vector<float>& planes);

// Average pooling at the default cut, in each precision of this processor, or
// in fp32 and `only` if that is neither "" nor "auto". int8 is calibrated on
// `planes` (3 x S x S floats an image). fp32 comes first.
absl::StatusOr<std::vector<FeatureSpaceSpec>> SpacesToMeasure(
    const Backbone& backbone, const std::string& only,
    const std::vector<float>& planes, int threads);

// The L2 distance of `values` from `exact` in parts of the latter's length.
// REQUIRES: as many values in both.
double RelativeError(const std::vector<float>& values,
                     const std::vector<float>& exact);

// Each space's error against the first one on `planes`, and the bytes that its
// network holds.
absl::StatusOr<Facts> CostOfEach(const Backbone& backbone,
                                 const std::vector<FeatureSpaceSpec>& spaces,
                                 const std::vector<float>& planes, int threads);

// Each step of each network on one core: its kernel, milliseconds, 1e9
// multiplications a second, and how much that is of the measured peak.
absl::StatusOr<Facts> LayerByLayer(const Backbone& backbone,
                                   const std::vector<FeatureSpaceSpec>& spaces,
                                   const std::vector<float>& planes);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_PRECISIONS_H_
