// The last step of a training: the model answers for a few generated images,
// and keeps the answers (compute/feature/golden.h), so that whoever loads it
// can tell whether it is still itself.
#ifndef NEVUS_SERVICES_TRAINING_GOLDEN_ANSWERS_H_
#define NEVUS_SERVICES_TRAINING_GOLDEN_ANSWERS_H_

#include "absl/status/status.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// Loads the network of `model`'s feature space, which takes seconds for a large
// one, and sets its head's golden answers. A machine that cannot compute that
// space (no arithmetic for it, another version's numbers) leaves it empty and
// says so in the task's log: training needs features, not the network. Errors:
// others of LoadExtractor.
absl::Status AddGoldenAnswers(const Peers& peers, TaskContext& context,
                              v1::Model& model);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_GOLDEN_ANSWERS_H_
