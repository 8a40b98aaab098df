// What a process can host: one of the services of Nevus, whole.
//
// Each service's folder gives a factory (NewIngestionService, ...) that opens
// its store below `data_dir` and returns a HostedService; main.cc alone knows
// them all. A service reaches the others only through `peers`, so it cannot
// tell whether they share its process.
#ifndef NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_
#define NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/status.h"
#include "services/runtime/peers.h"
#include "storage/engine/value_check.h"

namespace nevus {

// How many jobs run at a time and how long they are kept.
struct JobLimits {
  // By kind of worker ("training"): jobs that run at a time; absent: no limit.
  std::map<std::string, int> max_running;
  // Ended jobs that are kept: at most so many, and for so long.
  int64_t keep_jobs = std::numeric_limits<int64_t>::max();
  absl::Duration keep_jobs_for = absl::InfiniteDuration();
};

// What serving keeps of its predictions, and how long: so many, the newest.
struct PredictionKeeping {
  int64_t keep = 1'000'000;
  absl::Duration keep_for = absl::Hours(365 * 24);
  // The images too, not only their digests.
  bool log_images = false;
  // How far back drift is looked at.
  absl::Duration drift_window = absl::Hours(7 * 24);
};

// What every service is given. All pointers outlive it.
struct ServiceContext {
  // The process's data directory; a service keeps to data_dir/<its name>.
  std::string data_dir;
  const Peers* peers = nullptr;
  const Clock* clock = nullptr;
  // What the process counts.
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>();
  // Threads for computation.
  int compute_threads = 1;
  // The GPU for the arithmetics that need one, "cuda:N"; "": none.
  std::string device;
  // For the scheduler.
  JobLimits job_limits;
  // What loaded models may take before those without an alias leave (serving).
  int64_t serving_bytes = int64_t{2} << 30;
  // For serving.
  PredictionKeeping predictions;
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

  // Copies all that was acknowledged when this was called into `dir`, which is
  // not there yet, while calls go on. NOT_FOUND (SERVICE_UNKNOWN): this service
  // keeps nothing.
  virtual absl::Status Backup(const std::string& /*dir*/) {
    return KeepsNothing();
  }
  // Reads everything this service keeps and tells `visit` of damage. Errors: as
  // above.
  virtual absl::Status Verify(const VerifyVisitor& /*visit*/) {
    return KeepsNothing();
  }

 private:
  static absl::Status KeepsNothing() {
    return WithReason(
        absl::NotFoundError("this service keeps nothing; name ingestion, "
                            "extraction, registry, scheduler or serving"),
        "SERVICE_UNKNOWN");
  }
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_HOSTED_SERVICE_H_
