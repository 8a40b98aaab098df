#include "base/rpc/trace_interceptors.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/digest.h"
#include "base/trace.h"

namespace nevus {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::InterceptorBatchMethods;

class ServerTrace final : public grpc::experimental::Interceptor {
 public:
  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      // Set for every call: the thread may have served another one before.
      SetCurrentTrace(Find(methods));
    }
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      SetCurrentTrace(std::nullopt);
    }
    methods->Proceed();
  }

 private:
  static std::optional<TraceContext> Find(InterceptorBatchMethods* methods) {
    const auto* metadata = methods->GetRecvInitialMetadata();
    if (metadata == nullptr) return std::nullopt;
    // The specification: several are none.
    if (metadata->count(kTraceparent) != 1) return std::nullopt;
    const grpc::string_ref value = metadata->find(kTraceparent)->second;
    return ParseTraceparent(std::string_view(value.data(), value.size()));
  }
};

class ClientTrace final : public grpc::experimental::Interceptor {
 public:
  void Intercept(InterceptorBatchMethods* methods) override {
    const std::optional<TraceContext>& trace = CurrentTrace();
    if (trace.has_value() &&
        methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      auto* metadata = methods->GetSendInitialMetadata();
      // Each call is a span of its own.
      if (metadata != nullptr && metadata->count(kTraceparent) == 0) {
        metadata->emplace(kTraceparent,
                          FormatTraceparent(*trace, RandomHex(8)));
      }
    }
    methods->Proceed();
  }
};

class ServerFactory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new ServerTrace;  // gRPC owns it
  }
};

class ClientFactory final
    : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new ClientTrace;  // gRPC owns it
  }
};

}  // namespace

std::vector<
    std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
ServerTraceInterceptors() {
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      creators;
  creators.push_back(std::make_unique<ServerFactory>());
  return creators;
}

std::vector<
    std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
ClientTraceInterceptors() {
  std::vector<
      std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>
      creators;
  creators.push_back(std::make_unique<ClientFactory>());
  return creators;
}

}  // namespace nevus
