// One unary call to a peer, with absl::Status on both sides.
//
//   ASSIGN_OR_RETURN(v1::Model model,
//                    CallPeer(*stub, &v1::ModelService::Stub::GetModel,
//                    request,
//                             caller));
#ifndef NEVUS_SERVICES_RUNTIME_PEER_CALL_H_
#define NEVUS_SERVICES_RUNTIME_PEER_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {

// How long a worker waits for one answer of a peer, or one stream of answers.
// It only ends a wait for a peer that hangs: the longest real answer, the
// features of 100,000 images, takes seconds.
constexpr absl::Duration kPeerTimeout = absl::Minutes(5);

// The context of a call made on behalf of `caller`, whose deadline and
// cancellation carry over; without a caller (a worker's call) it ends after
// kPeerTimeout.
inline std::unique_ptr<grpc::ClientContext> PeerContext(
    const grpc::ServerContext* caller) {
  if (caller != nullptr) return grpc::ClientContext::FromServerContext(*caller);
  auto context = std::make_unique<grpc::ClientContext>();
  SetTimeout(*context, kPeerTimeout);
  return context;
}

// The answer of `method`, or its error with reason and metadata.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> CallPeer(
    Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    const Request& request, const grpc::ServerContext* caller) {
  const std::unique_ptr<grpc::ClientContext> context = PeerContext(caller);
  Response response;
  RETURN_IF_ERROR(FromGrpc((stub.*method)(context.get(), request, &response)));
  return response;
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PEER_CALL_H_
