// One gRPC server for any set of hosted services: health, reflection, limits,
// and a shutdown that loses no running call.
#ifndef NEVUS_SERVICES_RUNTIME_SERVER_H_
#define NEVUS_SERVICES_RUNTIME_SERVER_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/runtime/health.h"
#include "services/runtime/hosted_service.h"
#include "services/runtime/running_calls.h"

namespace grpc {
class Server;
}

namespace nevus {

// INVALID_ARGUMENT unless `address` is HOST:PORT with a loopback host
// (localhost, 127.0.0.0/8, [::1]): without TLS nothing else is served.
absl::Status CheckListenAddress(const std::string& address);

// Thread-compatible.
class Server {
 public:
  struct Options {
    std::string listen = "127.0.0.1:7700";  // port 0 takes a free one
  };
  // `services`, by name (ServiceNames()), are registered and reachable when
  // this returns; their health is SERVING. UNAVAILABLE if the port is taken.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const Options& options,
      const std::map<std::string, HostedService*>& services);
  ~Server();

  // The port that was taken.
  int port() const { return port_; }
  grpc::Server& grpc_server() { return *server_; }

  // Health says NOT_SERVING from now on, for load balancers to see.
  void StopServing();
  // Running calls have until `drain` is over. Call Stop() of the services
  // before, so that waits end: new calls still reach them for as long as some
  // come, a second at most, and are refused by gRPC after it.
  void Shutdown(absl::Duration drain);

 private:
  Server() = default;

  // Both outlive the server.
  RunningCalls calls_;
  std::unique_ptr<Health> health_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_SERVER_H_
