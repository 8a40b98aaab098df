// What a training tries: one classifier, or each combination of a sweep. Pure.
#ifndef NEVUS_SERVICES_TRAINING_SWEEP_H_
#define NEVUS_SERVICES_TRAINING_SWEEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"

namespace nevus {

struct Combination {
  int hidden = 0;
  uint64_t seed = 0;

  // "hidden=64 seed=3"
  std::string Title() const;
};

// All that `request` asks for, at least one: for each value of `hidden`, in the
// order given, each seed. Errors: INVALID_ARGUMENT: a number of hidden units
// out of range (HIDDEN_INVALID); both a sweep and a value outside of it, a
// value twice, or more than 1,000 combinations (SWEEP_INVALID).
absl::StatusOr<std::vector<Combination>> CombinationsOf(
    const v1::TrainRequest& request);

// INVALID_ARGUMENT (HIDDEN_INVALID) if a head of this size cannot travel in one
// message; those of a sweep, which are kept as checkpoints, are to be smaller.
absl::Status CheckHeadSize(int hidden, int dimension, bool is_candidate);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_SWEEP_H_
