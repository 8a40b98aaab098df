// Two model versions on the same cases: TrainingService.CompareModels.
#ifndef NEVUS_SERVICES_TRAINING_COMPARISON_H_
#define NEVUS_SERVICES_TRAINING_COMPARISON_H_

#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// Errors and `caller`: as the rpc's, and as in services/runtime/peer_caller.h.
absl::StatusOr<v1::Comparison> CompareModels(
    const Peers& peers, const v1::CompareModelsRequest& request,
    PeerCaller caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_COMPARISON_H_
