// The process's metrics on a port of their own, in Prometheus's text format at
// /metrics. The only code that knows prometheus-cpp.
#ifndef NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_
#define NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/metrics.h"

namespace nevus {

// Thread-compatible.
class MetricsServer {
 public:
  // Serves on `address`, HOST:PORT; port 0 takes a free one. `metrics` must
  // outlive the result. Errors: INVALID_ARGUMENT (LISTEN_NEEDS_TLS): not
  // loopback; UNAVAILABLE (PORT_TAKEN).
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, Metrics& metrics);
  // Running scrapes end first.
  ~MetricsServer();

  // The port that was taken.
  int port() const;

 private:
  struct Rep;
  explicit MetricsServer(std::unique_ptr<Rep> rep);

  const std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_
