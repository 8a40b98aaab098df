// What a process can host: one of the services of Nevus, whole.
//
// Each service's folder gives a factory (NewIngestionService, ...) that opens
// its store below `data_dir` and returns a HostedService; main.cc alone knows
// them all. A service reaches the others only through `peers`, so it cannot
// tell whether they share its process.
#ifndef NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_
#define NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "services/runtime/peers.h"

namespace nevus {

// What every service is given. All pointers outlive it.
struct ServiceContext {
  // The process's data directory; a service keeps to data_dir/<its name>.
  std::string data_dir;
  const Peers* peers = nullptr;
  const Clock* clock = nullptr;
  // Threads for computation.
  int compute_threads = 1;
};

class HostedService {
 public:
  virtual ~HostedService() = default;
  // To be registered with the server; owned by this.
  virtual std::vector<grpc::Service*> grpc_services() = 0;
  // The server runs and peers can be called. Starts threads, if any.
  virtual void Start() {}
  // No new calls come; ends waits and threads so that running calls can return.
  virtual void Stop() {}
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_
