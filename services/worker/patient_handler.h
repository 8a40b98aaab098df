// A handler that bears with a service that is away: one that is restarted is
// back within seconds, and that is no reason to spend an attempt of the task.
// Without it one restart of three seconds fails a job, since the three attempts
// that a task has are over by then.
#ifndef NEVUS_SERVICES_WORKER_PATIENT_HANDLER_H_
#define NEVUS_SERVICES_WORKER_PATIENT_HANDLER_H_

#include <memory>

#include "absl/time/time.h"
#include "services/worker/task_handler.h"

namespace nevus {

// Six times as long as a service may take to come back (docs/operations.md).
constexpr absl::Duration kPeerPatience = absl::Seconds(30);

// Runs `handler` again while it returns UNAVAILABLE, until the attempt is
// cancelled or `patience` has passed since the first try; the lease is kept
// meanwhile. Then, and for any other end, what it returned.
std::unique_ptr<TaskHandler> NewPatientHandler(
    std::unique_ptr<TaskHandler> handler,
    absl::Duration patience = kPeerPatience);

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_PATIENT_HANDLER_H_
