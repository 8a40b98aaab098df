// Channels and the limits on what travels over them.
#ifndef NEVUS_BASE_RPC_CHANNEL_H_
#define NEVUS_BASE_RPC_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nevus {

// The largest message either side accepts (docs/api.md states it).
constexpr int kMaxMessageBytes = 64 << 20;
// Size of a chunk in our streams.
constexpr size_t kChunkBytes = 1 << 20;

// The services a process can host, and clients can call, by name.
const std::vector<std::string>& ServiceNames();

// Where each service is: "127.0.0.1:7700" for all, or
// "ingestion=127.0.0.1:1,scheduler=127.0.0.1:2" with at most one default
// without a name, for those not named.
class ServiceAddresses {
 public:
  ServiceAddresses() = default;
  // INVALID_ARGUMENT: an unknown service, a service or the default given twice.
  static absl::StatusOr<ServiceAddresses> Parse(const std::string& text);
  // The address of `service`, or "" if it is not known.
  std::string Find(const std::string& service) const;

 private:
  std::map<std::string, std::string> addresses_;  // "" is the default
};

// The arguments of every channel of ours.
grpc::ChannelArguments ChannelArguments();

// Connects without TLS, lazily.
std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address);

// gRPC's form of a moment `timeout` from now.
std::chrono::system_clock::time_point DeadlineAfter(absl::Duration timeout);

// The call ends with DEADLINE_EXCEEDED after `timeout` from now.
void SetTimeout(grpc::ClientContext& context, absl::Duration timeout);

}  // namespace nevus

#endif  // NEVUS_BASE_RPC_CHANNEL_H_
