// From a feature space's name to the network that fills it: fetches the
// backbone from the registry and loads it. Extraction workers and serving both
// come here, so that a model sees in serving what it saw in training.
#ifndef NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_
#define NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/feature_extractor.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// The backbone of that digest. Errors: NOT_FOUND, DATA_LOSS, CANCELLED as
// LoadExtractor.
absl::StatusOr<std::unique_ptr<Backbone>> LoadBackbone(
    const Peers& peers, const std::string& digest, PeerCaller caller);

// The second half of LoadExtractor, with its errors. REQUIRES: `backbone` is
// the space's.
absl::StatusOr<std::unique_ptr<FeatureExtractor>> NewExtractor(
    const Backbone& backbone, const v1::FeatureSpace& space,
    const FeatureExtractorOptions& options);

// Loads the extractor of `space`, of which digest, backbone_digest, cut,
// pooling, arithmetic, calibration, views and values are read; the rest follows
// from the backbone. Takes seconds for a large network. Thread-safe. `caller`
// as in peer_caller.h; that it was cancelled is seen while the weights come and
// between the steps that follow: parsing them, and preparing the network,
// neither of which can be interrupted.
//
// Errors:
// * CANCELLED: as said.
// * NOT_FOUND: the registry has no such backbone.
// * FAILED_PRECONDITION: what the backbone gives here is another space
//   (FEATURE_SPACE_MISMATCH), as after an upgrade that changed the numbers;
//   this machine lacks the arithmetic (ARITHMETIC_UNSUPPORTED).
// * DATA_LOSS: the weights are not those that the digest names
//   (BACKBONE_DAMAGED).
absl::StatusOr<std::unique_ptr<FeatureExtractor>> LoadExtractor(
    const Peers& peers, const v1::FeatureSpace& space,
    const FeatureExtractorOptions& options, PeerCaller caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_EXTRACTOR_SOURCE_H_
