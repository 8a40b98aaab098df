// Channels from a service to the others: in process where they are hosted here,
// over the network where they are not.
#ifndef NEVUS_SERVICES_RUNTIME_PEERS_H_
#define NEVUS_SERVICES_RUNTIME_PEERS_H_

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/rpc/channel.h"

namespace grpc {
class Server;
}

namespace nevus {

// Thread-safe.
class Peers {
 public:
  // `addresses` is where the services are that this process does not host.
  explicit Peers(ServiceAddresses addresses)
      : addresses_(std::move(addresses)) {}

  // From now on `services` are reached inside the process. `server` must
  // outlive all calls.
  void Host(const std::vector<std::string>& services, grpc::Server& server);

  // The channel to `service` (one of ServiceNames()). If nobody said where it
  // is, calls on it end with UNAVAILABLE.
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& service) const;

 private:
  const ServiceAddresses addresses_;
  mutable Mutex mutex_;
  mutable std::map<std::string, std::shared_ptr<grpc::Channel>> channels_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PEERS_H_
