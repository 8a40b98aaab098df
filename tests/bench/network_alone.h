// A network without anything around it: the yardsticks of the benches, on
// planes that are ready.
#ifndef NEVUS_TESTS_BENCH_NETWORK_ALONE_H_
#define NEVUS_TESTS_BENCH_NETWORK_ALONE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/feature_extractor.h"
#include "tests/bench/bench_node.h"

namespace nevus {

absl::StatusOr<std::unique_ptr<Backbone>> LoadNetwork(
    const WeightsChoice& weights, int input_size);

// Average pooling at the default cut. `precision` as of ResolveFeatureSpace.
absl::StatusOr<std::unique_ptr<FeatureExtractor>> NewExtractor(
    const Backbone& backbone, const std::string& precision, int threads);

// The network's input for each image, one after the other: 3 x S x S floats.
absl::StatusOr<std::vector<float>> ReadyPlanes(
    const BackboneInfo& backbone, const std::vector<std::string>& photographs);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_NETWORK_ALONE_H_
