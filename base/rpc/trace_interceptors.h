// The current trace (base/trace.h) into and out of gRPC calls: a server gives
// each call's `traceparent` to the thread that serves it, a channel sends it on
// with the calls that this thread makes. No call site knows.
//
// The synchronous API alone: there the interceptor and the handler share a
// thread. An asynchronous handler has to set the trace itself.
#ifndef NEVUS_BASE_RPC_TRACE_INTERCEPTORS_H_
#define NEVUS_BASE_RPC_TRACE_INTERCEPTORS_H_

#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <vector>

namespace nevus {

// For grpc::ServerBuilder::experimental().SetInterceptorCreators.
std::vector<
    std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
ServerTraceInterceptors();

// For grpc::experimental::CreateCustomChannelWithInterceptors and its like.
std::vector<
    std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
ClientTraceInterceptors();

}  // namespace nevus

#endif  // NEVUS_BASE_RPC_TRACE_INTERCEPTORS_H_
