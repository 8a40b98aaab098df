// The work of a `training` worker: features and labels in, a registered model
// version out. Stateless.
#ifndef NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_
#define NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_

#include <memory>

#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// A task's result is "melanoma@1". The train rows teach; the validation rows
// choose the epoch and the thresholds. It computes on BLAS's threads. `peers`
// must outlive it. Errors of a task: those of TrainHead and of the peers.
std::unique_ptr<TaskHandler> NewTrainingHandler(const Peers& peers);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_
