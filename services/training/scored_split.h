// The rows of a split with all that a model says of each, from stored features.
#ifndef NEVUS_SERVICES_TRAINING_SCORED_SPLIT_H_
#define NEVUS_SERVICES_TRAINING_SCORED_SPLIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/evaluation/metrics.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// One entry a row in each.
struct ScoredSplit {
  std::vector<v1::Example> examples;  // in order of id
  std::vector<Scored> scored;         // calibrated, as served
  std::vector<Scored> uncalibrated;   // what the head alone would say
  std::vector<bool> abstained;        // out of distribution
};

// `caller` as in services/runtime/peer_caller.h. Errors: those of
// CheckBothClasses, ToClassifier and peer_reads.h.
absl::StatusOr<ScoredSplit> ScoreSplit(const Peers& peers,
                                       const std::string& dataset,
                                       int64_t version, v1::Split split,
                                       const v1::Model& model,
                                       PeerCaller caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_SCORED_SPLIT_H_
