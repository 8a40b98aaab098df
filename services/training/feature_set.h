// The features of a split as a training wants them: in memory if they fit
// there, else on a disk of the worker's own.
#ifndef NEVUS_SERVICES_TRAINING_FEATURE_SET_H_
#define NEVUS_SERVICES_TRAINING_FEATURE_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/classifier/train.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "services/training/feature_spool.h"

namespace nevus {

// As floats, of one split.
constexpr int64_t kMostBytesInMemory = 256 << 20;

struct FeatureSet {
  TrainingSet set;
  std::unique_ptr<FeatureSpool> spool;  // set.stored, or nothing
};

// Reads the features of `rows` in `space`; labels are 1 for `positive`.
// Asks the service for each image once, in order of digest, which is about the
// order they were written in. Errors: those of ReadPackedFeatures and
// FeatureSpool.
absl::StatusOr<FeatureSet> ReadFeatureSet(
    const Peers& peers, const v1::FeatureSpace& space,
    const std::vector<v1::Example>& rows, const std::string& positive,
    PeerCaller caller, int64_t most_bytes_in_memory = kMostBytesInMemory);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_FEATURE_SET_H_
