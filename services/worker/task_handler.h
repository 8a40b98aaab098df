// What a kind of worker does with a task: the side of the work, without leases,
// heartbeats and retries, which are attempt.h's and worker_loop.h's.
#ifndef NEVUS_SERVICES_WORKER_TASK_HANDLER_H_
#define NEVUS_SERVICES_WORKER_TASK_HANDLER_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/runtime/peer_caller.h"

namespace nevus {

// One attempt as its handler sees it. Thread-safe.
class TaskContext {
 public:
  virtual ~TaskContext() = default;
  // Goes with every write, so that a stale one is refused.
  virtual const v1::Lease& lease() const = 0;
  // True: the job was cancelled or the lease lost, or the worker ends. Ask
  // often, it costs nothing; then free what the task holds and return
  // CANCELLED.
  virtual bool cancelled() const = 0;
  // Through it the handler calls its peers: a call that waits when cancelled()
  // becomes true ends with CANCELLED.
  virtual PeerCalls& calls() = 0;
  // How far the task is, with what was measured; sent with the next heartbeat,
  // of which there are two a second while there is news.
  virtual void Report(const v1::Progress& progress) = 0;
  // A line for `nevus job logs`, in the order said; sent with the next
  // heartbeat, and the last ones before the task is finished. For what a person
  // wants to know of an attempt, a few lines: nothing of a patient, ids and
  // digests only. At most 1 KiB.
  virtual void Log(std::string_view line) = 0;
};

// Called by one worker thread, one task at a time.
class TaskHandler {
 public:
  virtual ~TaskHandler() = default;
  virtual v1::WorkerKind kind() const = 0;
  // Does the task and stores its result through the services; returns what it
  // made ("melanoma@1", or ""). Every task may run more than once, also at the
  // same time in two places.
  //
  // Errors of the services must keep code and reason on their way through:
  // INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION and DATA_LOSS end the job;
  // RESOURCE_EXHAUSTED with the reason DISK_FULL pauses it; others are tried
  // again.
  virtual absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                          TaskContext& context) = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_TASK_HANDLER_H_
