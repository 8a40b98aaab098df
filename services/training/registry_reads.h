// What training and evaluation ask the registry: models, and who opened a test
// split. `caller` as in services/runtime/peer_call.h.
#ifndef NEVUS_SERVICES_TRAINING_REGISTRY_READS_H_
#define NEVUS_SERVICES_TRAINING_REGISTRY_READS_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// INVALID_ARGUMENT unless version > 0; NOT_FOUND.
absl::StatusOr<v1::Model> GetModelVersion(const Peers& peers,
                                          const std::string& name,
                                          int64_t version,
                                          const grpc::ServerContext* caller);

// The job that evaluated this model version on this split; "" if none did.
absl::StatusOr<std::string> JobThatEvaluated(const Peers& peers,
                                             const v1::EvaluateTask& task,
                                             const grpc::ServerContext* caller);

// FAILED_PRECONDITION, reason TEST_SPLIT_OPENED.
absl::Status TestSplitOpened(const v1::EvaluateTask& task,
                             const std::string& job);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_REGISTRY_READS_H_
