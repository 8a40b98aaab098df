// A worker as a child process that is watched (ADR 16): started, its death told
// to the scheduler with what the kernel says of it, started again. Knows how to
// watch; what the child does is its command's business.
#ifndef NEVUS_SERVICES_WORKER_WORKER_PROCESS_H_
#define NEVUS_SERVICES_WORKER_WORKER_PROCESS_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "services/runtime/peers.h"
#include "services/worker/child_process.h"

namespace nevus {

// How long to wait before a child is started again: doubles with each death up
// to `most`, begins anew after a life of `healthy`. Pure.
class RestartBackoff {
 public:
  absl::Duration first = absl::Seconds(1);
  absl::Duration most = absl::Seconds(30);
  absl::Duration healthy = absl::Minutes(1);

  // The wait after a life that lasted `life`.
  absl::Duration Next(absl::Duration life);

 private:
  absl::Duration last_ = absl::ZeroDuration();
};

struct WorkerProcessOptions {
  std::string kind;     // "extraction"
  std::string program;  // its path
  // Its arguments for a worker of that name, from argv[0] on. Each life has a
  // name of its own, so that no message of a dead one is taken for a living
  // one's.
  std::function<std::vector<std::string>(const std::string& worker)> command;
  RestartBackoff backoff;
  // How long it may take to end after SIGTERM; then it is killed.
  absl::Duration drain = absl::Seconds(20);
};

// Runs a thread. Thread-compatible.
class WorkerProcess {
 public:
  // `peers` must outlive this.
  WorkerProcess(const Peers& peers, WorkerProcessOptions options);
  // Stops.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void Start();
  // Sends the child SIGTERM; does not wait.
  void RequestStop();
  // The same, and waits, at most `drain` since the first of these calls.
  void Stop();

 private:
  void Run();
  // One life of a child: how it ended, "" for well.
  std::string RunChild(const std::string& worker);
  // Until the scheduler has answered, or Stop.
  void ReportDeath(const std::string& worker, const std::string& how);

  const Peers& peers_;
  const WorkerProcessOptions options_;
  StopSignal stop_;
  StopSignal ended_;
  Stopwatch since_stop_;
  Mutex mutex_;
  ChildProcess* child_ ABSL_GUARDED_BY(mutex_) = nullptr;  // Run's
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_WORKER_PROCESS_H_
