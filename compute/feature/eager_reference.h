// A backbone as people run it: LibTorch, eager, fp32, a batch at a time. The
// yardstick of `nevus bench extract` and of the kernels' tests; no feature
// comes from here.
#ifndef NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_
#define NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/torch/eager_network.h"

namespace nevus {

// INVALID_ARGUMENT for TorchScript, which brings its own way to run, else as
// FindCuts. `backbone` may be destroyed afterwards.
absl::StatusOr<std::unique_ptr<EagerNetwork>> NewEagerReference(
    const Backbone& backbone, const std::string& cut, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_EAGER_REFERENCE_H_
