// What training and evaluation ask of the registry: models, which job made one,
// who opened a test split, and to register one. `caller` as in
// services/runtime/peer_caller.h.
#ifndef NEVUS_SERVICES_TRAINING_REGISTRY_CALLS_H_
#define NEVUS_SERVICES_TRAINING_REGISTRY_CALLS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// INVALID_ARGUMENT unless version > 0; NOT_FOUND.
absl::StatusOr<v1::Model> GetModelVersion(const Peers& peers,
                                          const std::string& name,
                                          int64_t version, PeerCaller caller);

// The version of `name`, without its head, whose lineage names `job`; nothing
// if there is none. A task that is tried again, since nobody heard of its end,
// finds its model so.
absl::StatusOr<std::optional<v1::Model>> FindModelOfJob(const Peers& peers,
                                                        const std::string& name,
                                                        const std::string& job,
                                                        PeerCaller caller);

// Registers `model` with the right of `lease`, once; returns "melanoma@1".
absl::StatusOr<std::string> RegisterModel(const Peers& peers, v1::Model model,
                                          const v1::Lease& lease,
                                          PeerCaller caller);

// "melanoma@1"
std::string VersionText(const v1::Model& model);

// The job that evaluated this model version on this split; "" if none did.
absl::StatusOr<std::string> JobThatEvaluated(const Peers& peers,
                                             const v1::EvaluateTask& task,
                                             PeerCaller caller);

// FAILED_PRECONDITION, reason TEST_SPLIT_OPENED.
absl::Status TestSplitOpened(const v1::EvaluateTask& task,
                             const std::string& job);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_REGISTRY_CALLS_H_
