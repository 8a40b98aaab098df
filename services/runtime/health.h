// Whether this process takes calls, for whoever asks before sending some:
// grpc.health.v1.Health. gRPC's own keeps each Watch open until the server is
// shut down by force, so that one client that watches would hold a process that
// drains for as long as it may take.
#ifndef NEVUS_SERVICES_RUNTIME_HEALTH_H_
#define NEVUS_SERVICES_RUNTIME_HEALTH_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <set>
#include <string>

#include "base/mutex.h"
#include "protos/grpc/health/v1/health.grpc.pb.h"

namespace nevus {

// All services stand alike. Thread-safe; outlives the server that hosts it.
class Health final : public grpc::health::v1::Health::CallbackService {
 public:
  // `services` by their full names; "" is among them.
  explicit Health(std::set<std::string> services);

  // All are NOT_SERVING from now on.
  void StopServing();
  // The same; and streams of Watch end, those that come later too.
  void EndWatches();

  grpc::ServerUnaryReactor* Check(
      grpc::CallbackServerContext* call,
      const grpc::health::v1::HealthCheckRequest* request,
      grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* call,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class Watcher;

  // Writes what has changed, and ends the stream when there is no more to come.
  void Proceed(Watcher& watcher) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(Watcher& watcher, const grpc::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::set<std::string> services_;
  Mutex mutex_;
  bool serving_ ABSL_GUARDED_BY(mutex_) = true;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_HEALTH_H_
