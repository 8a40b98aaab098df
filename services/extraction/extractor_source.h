// From a feature space's name to the network that fills it: fetches the
// backbone from the registry and loads it. Extraction workers and serving both
// come here, so that a model sees in serving what it saw in training.
#ifndef NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_
#define NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "compute/feature/feature_extractor.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// Loads the extractor of `space`, of which digest, backbone_digest, cut,
// pooling, arithmetic, views and values are read; the rest follows from the
// backbone. Takes seconds for a large network. Thread-safe.
//
// Errors:
// * NOT_FOUND: the registry has no such backbone.
// * FAILED_PRECONDITION: what the backbone gives here is another space
//   (FEATURE_SPACE_MISMATCH), as after an upgrade that changed the numbers;
//   this machine lacks the arithmetic (ARITHMETIC_UNSUPPORTED).
// * DATA_LOSS: the weights are not those that the digest names
//   (BACKBONE_DAMAGED).
absl::StatusOr<std::unique_ptr<FeatureExtractor>> LoadExtractor(
    const Peers& peers, const v1::FeatureSpace& space,
    const FeatureExtractorOptions& options);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_
