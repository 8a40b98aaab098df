// A training as the scheduler gets it: found able to succeed, and cut into
// tasks. `caller` as in services/runtime/peer_call.h.
#ifndef NEVUS_SERVICES_TRAINING_TRAINING_PLAN_H_
#define NEVUS_SERVICES_TRAINING_TRAINING_PLAN_H_

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// Who sees to it that the features are there.
enum class Features {
  kStored,     // they are, or the training is refused
  kExtracted,  // a job before this one
};

// The job that trains what `request` asks for: one task that registers its
// model, or a task for each combination of a sweep and a last one that chooses.
// Kind, title and tasks are set. Errors: those of TrainingService.Train.
absl::StatusOr<v1::Job> PlanTraining(const Peers& peers,
                                     const v1::TrainRequest& request,
                                     Features features,
                                     const grpc::ServerContext* caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TRAINING_PLAN_H_
