// One unary call of a test to the service that it tests:
//
//   Call(*jobs_, &v1::JobService::Stub::GetJob, request)
//
// gives the answer, or the error as absl::Status with its reason.
#ifndef NEVUS_SERVICES_TESTING_CALL_H_
#define NEVUS_SERVICES_TESTING_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/statusor.h"
#include "services/runtime/peer_call.h"

namespace nevus {

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                           const Request&,
                                                           Response*),
                              const Request& request) {
  return CallPeer(stub, method, request, nullptr);
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_CALL_H_
