// Two model versions on the same cases: TrainingService.CompareModels.
#ifndef NEVUS_SERVICES_TRAINING_COMPARISON_H_
#define NEVUS_SERVICES_TRAINING_COMPARISON_H_

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// Errors and `caller`: as the rpc's, and as in services/runtime/peer_call.h.
absl::StatusOr<v1::Comparison> CompareModels(
    const Peers& peers, const v1::CompareModelsRequest& request,
    const grpc::ServerContext* caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_COMPARISON_H_
