// One unary call to a peer, with absl::Status on both sides.
//
//   ASSIGN_OR_RETURN(v1::Model model,
//                    CallPeer(*stub, &v1::ModelService::Stub::GetModel,
//                             request, caller));
#ifndef NEVUS_SERVICES_RUNTIME_PEER_CALL_H_
#define NEVUS_SERVICES_RUNTIME_PEER_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "services/runtime/peer_caller.h"

namespace nevus {

// The answer of `method`, or its error with reason and metadata.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> CallPeer(
    Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    const Request& request, PeerCaller caller) {
  const PeerContextPtr context = caller.NewContext();
  Response response;
  RETURN_IF_ERROR(
      caller.ToStatus((stub.*method)(context.get(), request, &response)));
  return response;
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PEER_CALL_H_
