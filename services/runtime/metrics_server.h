// The process's metrics on a port of their own, in Prometheus's text format at
// /metrics: as much HTTP as a scraper needs, and no more (docs/adr/0028).
#ifndef NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_
#define NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "base/metrics.h"

namespace nevus {

// One request a connection, one connection at a time: whoever is slower than
// five seconds is let go. Thread-compatible.
class MetricsServer {
 public:
  // Serves on `address`, HOST:PORT; port 0 takes a free one. `metrics` must
  // outlive the result. Errors: INVALID_ARGUMENT (LISTEN_NEEDS_TLS): not
  // loopback; UNAVAILABLE (PORT_TAKEN).
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(
      const std::string& address, Metrics& metrics);
  // A running scrape ends, answered or not.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // The port that was taken.
  int port() const { return port_; }

 private:
  MetricsServer(Metrics& metrics, int listener, int port);
  void Work();
  void Serve(int connection);
  // Waits until `fd` can be read or written. False: this ends, or the time is
  // up.
  bool Await(int fd, short events, int timeout_ms) const;

  Metrics& metrics_;
  const int listener_;
  const int port_;
  const int ending_;  // an eventfd; readable once this ends
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_METRICS_SERVER_H_
