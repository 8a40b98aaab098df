// One attempt of a worker at one task, as the scheduler sees it: keeps the
// lease alive while the handler works, carries progress and log lines there and
// cancellation back, and says in the end how it went. Knows no kind of task.
#ifndef NEVUS_SERVICES_WORKER_ATTEMPT_H_
#define NEVUS_SERVICES_WORKER_ATTEMPT_H_

#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/worker/log_buffer.h"
#include "services/worker/task_handler.h"

namespace nevus {

// The TaskContext is thread-safe; Finish and the destructor are its owner's.
class Attempt : public TaskContext {
 public:
  // Heartbeats begin: one every third of the lease, and between them one for
  // each half second with news. `stub` and `worker_stop` must outlive this.
  Attempt(v1::WorkerService::Stub& stub, std::string worker,
          const v1::LeaseTaskResponse& leased, const StopSignal& worker_stop);
  ~Attempt() override;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  const v1::Lease& lease() const override { return lease_; }
  bool cancelled() const override;
  PeerCalls& calls() override { return calls_; }
  void Report(const v1::Progress& progress) override;
  void Log(std::string_view line) override;

  // Sends what the handler said last, then how it went, again and again until
  // the scheduler gives an answer: it may be away, or its disk full
  // (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED); the lease is kept
  // alive meanwhile. Returns that answer; after a stop of the worker, that of
  // one try. ABORTED: the lease was lost and the result dropped.
  // REQUIRES: called once, after the handler returned.
  absl::Status Finish(const absl::StatusOr<std::string>& result);

 private:
  void SendHeartbeats();
  // One heartbeat with what is new. Sees to `cancelled_` and `calls_`.
  absl::Status SendHeartbeat();
  bool HasNews() const;
  bool IsDue() const;
  void EndHeartbeats();

  v1::WorkerService::Stub& stub_;
  const std::string worker_;
  const v1::Lease lease_;
  const absl::Duration heartbeat_every_;
  const StopSignal& worker_stop_;
  StopSignal ended_;
  StopSignal cancelled_;
  PeerCalls calls_;
  // Of the thread that sends heartbeats, and after it has ended of Finish's.
  Stopwatch since_sent_;

  mutable Mutex mutex_;
  v1::Progress progress_ ABSL_GUARDED_BY(mutex_);
  bool new_progress_ ABSL_GUARDED_BY(mutex_) = false;
  LogBuffer log_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_ATTEMPT_H_
