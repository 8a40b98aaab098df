#include "services/runtime/peers.h"

#include <grpcpp/server.h>

#include "base/rpc/trace_interceptors.h"

namespace nevus {

void Peers::Host(const std::vector<std::string>& services,
                 grpc::Server& server) {
  MutexLock lock(mutex_);
  for (const std::string& service : services) {
    channels_[service] = server.experimental().InProcessChannelWithInterceptors(
        ChannelArguments(), ClientTraceInterceptors());
  }
}

std::shared_ptr<grpc::Channel> Peers::ChannelTo(
    const std::string& service) const {
  MutexLock lock(mutex_);
  std::shared_ptr<grpc::Channel>& channel = channels_[service];
  if (channel == nullptr) {
    const std::string address = addresses_.Find(service);
    // An address that cannot be resolved: the call says which peer is missing.
    channel = ConnectTo(address.empty() ? "no-address-for-" + service + ":0"
                                        : address);
  }
  return channel;
}

}  // namespace nevus
