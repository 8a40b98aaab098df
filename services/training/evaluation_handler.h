// The work of an `evaluation` worker: a model and a split in, figures and a
// report out. Stateless.
#ifndef NEVUS_SERVICES_TRAINING_EVALUATION_HANDLER_H_
#define NEVUS_SERVICES_TRAINING_EVALUATION_HANDLER_H_

#include <memory>

#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// A task's result is "melanoma@1 on isic@1/validation". `peers` must outlive
// it. Errors of a task, beside those of the peers: FAILED_PRECONDITION: another
// job opened the test split (TEST_SPLIT_OPENED); SPLIT_EMPTY, CLASS_MISSING.
std::unique_ptr<TaskHandler> NewEvaluationHandler(const Peers& peers);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_EVALUATION_HANDLER_H_
