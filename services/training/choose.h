// The end of a sweep: of what its training tasks left, the best becomes a model
// version.
#ifndef NEVUS_SERVICES_TRAINING_CHOOSE_H_
#define NEVUS_SERVICES_TRAINING_CHOOSE_H_

#include <string>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// Registers the candidate with the highest validation AUC, of several that of
// the lowest task; returns "melanoma@1". Registering drops the candidates.
// Errors: FAILED_PRECONDITION: a task left no candidate (CANDIDATE_MISSING);
// CANCELLED; those of the registry.
absl::StatusOr<std::string> ChooseBest(const Peers& peers,
                                       const v1::ChooseTask& task,
                                       TaskContext& context);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_CHOOSE_H_
