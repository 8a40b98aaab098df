// The work of a `training` worker: features and labels in, a registered model
// version out; for a sweep a candidate first, and of all candidates the best.
// Stateless: what a task has so far is the registry's.
#ifndef NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_
#define NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_

#include <memory>

#include "services/runtime/peers.h"
#include "services/training/task_checkpoints.h"
#include "services/worker/task_handler.h"

namespace nevus {

// A task's result is "melanoma@1", and of a sweep's candidate a sentence. The
// train rows teach; the validation rows choose the epoch and the thresholds. A
// task that was tried before goes on from its last checkpoint, and ends with
// the same model as if it had not been broken off. It computes on BLAS's
// threads. `peers` must outlive it. Errors of a task: those of TrainHead, of
// ChooseBest and of the peers.
std::unique_ptr<TaskHandler> NewTrainingHandler(const Peers& peers,
                                                CheckpointPace pace = {});

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TRAINING_HANDLER_H_
