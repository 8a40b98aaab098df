// Who needs a feature space: models of the registry, jobs of the scheduler.
// Asked before a space is deleted and for its list. `caller` as in
// services/runtime/peer_call.h.
#ifndef NEVUS_SERVICES_EXTRACTION_SPACE_USERS_H_
#define NEVUS_SERVICES_EXTRACTION_SPACE_USERS_H_

#include <grpcpp/server_context.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/feature.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// Fills `backbone` and `models` of each of `spaces`.
absl::Status NameUsers(const Peers& peers, const grpc::ServerContext* caller,
                       std::vector<v1::FeatureSpace>& spaces);

// FAILED_PRECONDITION (FEATURE_SPACE_IN_USE) naming a model that has `space`,
// or a job that has not ended and writes or reads it.
absl::Status CheckUnused(const Peers& peers, const std::string& space,
                         const grpc::ServerContext* caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_EXTRACTION_SPACE_USERS_H_
