// One process of Nevus: any set of services, behind one port, and any number of
// workers of each kind.
//
// Separate from main so that tests and benches can run whole nodes inside their
// own process.
#ifndef NEVUS_SERVICES_NEVUSD_NODE_H_
#define NEVUS_SERVICES_NEVUSD_NODE_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/metrics.h"
#include "services/runtime/hosted_service.h"
#include "services/runtime/metrics_server.h"
#include "services/runtime/peers.h"
#include "services/runtime/server.h"
#include "services/worker/worker_loop.h"
#include "services/worker/worker_process.h"

namespace nevus {

struct NodeOptions {
  // Where everything is kept; made if it is not there.
  std::string data_dir;
  std::string listen = "127.0.0.1:7700";
  // Names out of ServiceNames().
  std::vector<std::string> services = ServiceNames();
  // Workers by kind: "extraction", "training", "evaluation".
  std::map<std::string, int> workers = {
      {"extraction", 1}, {"training", 1}, {"evaluation", 1}};
  // Each worker is a nevusd of its own, a child that is watched (ADR 16).
  bool isolate_workers = false;
  // Further flags of such children, such as --log_format.
  std::vector<std::string> worker_flags;
  // The name of this node's only worker; "": workers name themselves.
  std::string worker_name;
  // Where the services are that this node does not host.
  ServiceAddresses peers;
  // Threads of one extraction, training or prediction; 0: the processors.
  int compute_threads = 0;
  // "cpu", or the GPU that cuda_fp32 and cuda_bf16 run on, "cuda:N".
  std::string device = "cpu";
  JobLimits job_limits;
  PredictionKeeping predictions;
  // HOST:PORT to serve metrics on; "": none are served.
  std::string metrics;
  // As ServiceContext::serving_bytes.
  int64_t serving_bytes = int64_t{2} << 30;
  // How long the end may take: workers give their tasks back, then running
  // calls finish; what is left then is cancelled.
  absl::Duration drain = absl::Seconds(20);
};

// "ingestion,registry", "all" or "none".
// INVALID_ARGUMENT: an unknown service, named with those there are.
absl::StatusOr<std::vector<std::string>> ParseServices(const std::string& text);
// "extraction=2,training=1" or "none". INVALID_ARGUMENT: unknown kind, no
// number from 0 to 64.
absl::StatusOr<std::map<std::string, int>> ParseWorkers(
    const std::string& text);

// "training=1" or "none", which is no limit. INVALID_ARGUMENT: unknown kind, no
// number from 1 to 1000.
absl::StatusOr<std::map<std::string, int>> ParseMaxRunning(
    const std::string& text);

// Thread-compatible.
class Node {
 public:
  // The node serves when this returns.
  static absl::StatusOr<std::unique_ptr<Node>> Start(
      const NodeOptions& options);
  // Shuts down if that was not done.
  ~Node();

  int port() const { return server_->port(); }
  // 0 if none are served.
  int metrics_port() const {
    return metrics_server_ == nullptr ? 0 : metrics_server_->port();
  }
  // Channels to all services, as this node's own see them.
  const Peers& peers() const { return *peers_; }

  // Health says NOT_SERVING, workers give their tasks back, running calls
  // finish within `drain`, then everything is closed.
  void Shutdown();

 private:
  Node() = default;
  void StartWorkers(const ServiceContext& context);
  void StartWorkerProcesses(int threads);

  NodeOptions options_;
  std::unique_ptr<Peers> peers_;
  std::map<std::string, std::unique_ptr<HostedService>> services_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<Metrics> metrics_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::vector<std::unique_ptr<WorkerLoop>> workers_;
  std::vector<std::unique_ptr<WorkerProcess>> worker_processes_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_NEVUSD_NODE_H_
