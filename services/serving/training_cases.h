// The training cases of a model, for finding those that resemble an image. Read
// from the other services when first asked for, then kept: 4 bytes a number.
#ifndef NEVUS_SERVICES_SERVING_TRAINING_CASES_H_
#define NEVUS_SERVICES_SERVING_TRAINING_CASES_H_

#include <grpcpp/server_context.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "compute/explanation/nearest.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "services/runtime/peers.h"

namespace nevus {

// Of one model version. Thread-safe: one caller reads, the others wait for it
// for as long as their calls do.
class TrainingCases {
 public:
  // The `count` rows that the model learned from whose features are nearest to
  // `feature`, the nearest first. Errors: those of reading dataset and features
  // (FEATURES_MISSING and NOT_FOUND among them), after which the next call
  // tries again; DEADLINE_EXCEEDED: the call ended before.
  absl::StatusOr<std::vector<v1::NearestCase>> Nearest(
      const Peers& peers, const v1::Model& model, const float* feature,
      size_t count, const grpc::ServerContext& call);

 private:
  struct Cases {
    std::vector<v1::NearestCase> rows;  // without distances
    NearestIndex index;
  };

  static absl::StatusOr<std::shared_ptr<const Cases>> Read(
      const Peers& peers, const v1::Model& model);
  // What was read, by this call if need be.
  absl::StatusOr<std::shared_ptr<const Cases>> Get(
      const Peers& peers, const v1::Model& model,
      const grpc::ServerContext& call);

  Mutex mutex_;
  CondVar read_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<const Cases> cases_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_TRAINING_CASES_H_
