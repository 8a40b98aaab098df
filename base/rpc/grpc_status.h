// absl::Status to and from gRPC's wire form.
//
// A reason and its metadata (base/status.h) travel as
// google.rpc.ErrorInfo{domain "nevus"}, a retry delay as google.rpc.RetryInfo,
// in the grpc-status-details-bin trailer (AIP-193).
#ifndef NEVUS_BASE_RPC_GRPC_STATUS_H_
#define NEVUS_BASE_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace nevus {

grpc::Status ToGrpc(const absl::Status& status);

// Details of other domains are dropped; a message without details keeps its
// code.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace nevus

#endif  // NEVUS_BASE_RPC_GRPC_STATUS_H_
