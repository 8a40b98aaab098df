#include "base/rpc/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/name.h"
#include "base/rpc/trace_interceptors.h"
#include "base/status.h"

namespace nevus {

const std::vector<std::string>& ServiceNames() {
  static const auto* const names =
      new std::vector<std::string>{"ingestion", "extraction", "training",
                                   "registry",  "serving",    "scheduler"};
  return *names;
}

absl::StatusOr<ServiceAddresses> ServiceAddresses::Parse(
    const std::string& text) {
  ServiceAddresses result;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(text, ',', absl::SkipEmpty()))) {
    const size_t equals = part.find('=');
    const std::string service =
        equals == std::string::npos ? "" : part.substr(0, equals);
    const std::string address =
        equals == std::string::npos ? part : part.substr(equals + 1);
    const std::vector<std::string>& names = ServiceNames();
    if (!service.empty() &&
        std::find(names.begin(), names.end(), service) == names.end()) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "unknown service ", Quoted(service), " in the address ",
              Quoted(part), "; the services are ", absl::StrJoin(names, ", "))),
          "SERVICE_UNKNOWN");
    }
    // A target that gRPC would wait for in vain: nevusd has no default port.
    const bool no_port = !absl::StrContains(address, ':');
    if (no_port || !result.addresses_.emplace(service, address).second) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "bad address ", Quoted(part), " in ", Quoted(text),
              "; write HOST:PORT once, or SERVICE=HOST:PORT once a service")),
          "ADDRESS_INVALID");
    }
  }
  return result;
}

std::string ServiceAddresses::Find(const std::string& service) const {
  auto found = addresses_.find(service);
  if (found == addresses_.end()) found = addresses_.find("");
  return found == addresses_.end() ? "" : found->second;
}

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetMaxSendMessageSize(kMaxMessageBytes);
  // A server that comes back is found within a second, not after gRPC's own
  // back-off of up to two minutes.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  return arguments;
}

std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address) {
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      address, grpc::InsecureChannelCredentials(), ChannelArguments(),
      ClientTraceInterceptors());
}

std::chrono::system_clock::time_point DeadlineAfter(absl::Duration timeout) {
  return std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout);
}

void SetTimeout(grpc::ClientContext& context, absl::Duration timeout) {
  context.set_deadline(DeadlineAfter(timeout));
}

}  // namespace nevus
