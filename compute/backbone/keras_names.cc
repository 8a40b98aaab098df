// The names in Keras's files, without what reads them: tools/gpu-check compiles
// this where there is no HDF5.
#include "absl/strings/str_cat.h"
#include "compute/backbone/keras_h5.h"

namespace nevus {

std::string KerasLayer::Text() const {
  return number == 0 ? name : absl::StrCat(name, " number ", number);
}

const char* KerasRoleName(KerasRole role) {
  switch (role) {
    case KerasRole::kKernel:
      return "kernel";
    case KerasRole::kDepthwiseKernel:
      return "depthwise_kernel";
    case KerasRole::kPointwiseKernel:
      return "pointwise_kernel";
    case KerasRole::kBias:
      return "bias";
    case KerasRole::kGamma:
      return "gamma";
    case KerasRole::kBeta:
      return "beta";
    case KerasRole::kMovingMean:
      return "moving_mean";
    case KerasRole::kMovingVariance:
      return "moving_variance";
  }
  return "?";
}

}  // namespace nevus
