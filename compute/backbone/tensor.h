// Named arrays of floats, as weight files hold them and networks take them.
#ifndef NEVUS_COMPUTE_BACKBONE_TENSOR_H_
#define NEVUS_COMPUTE_BACKBONE_TENSOR_H_

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace nevus {

using Shape = std::vector<int64_t>;

// Row-major: the last dimension runs fastest.
struct Tensor {
  Shape shape;
  std::vector<float> values;
};

using Tensors = std::map<std::string, Tensor>;

// What a network wants: the shape of each tensor it knows, by name.
using TensorShapes = std::map<std::string, Shape>;

// "[64,3,3,3]".
inline std::string ShapeText(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ","), "]");
}

// The number of values; REQUIRES: no negative dimension, no overflow.
inline int64_t Count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

// INVALID_ARGUMENT with reason WEIGHTS_INVALID: every fault of a weight file.
inline absl::Status BadWeights(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "WEIGHTS_INVALID");
}

inline absl::Status CheckShape(const std::string& name, const Shape& found,
                               const Shape& wanted) {
  if (found == wanted) return absl::OkStatus();
  return BadWeights(absl::StrCat(
      "tensor ", name, " has shape ", ShapeText(found), "; this network needs ",
      ShapeText(wanted), ". Check that the file belongs to this architecture"));
}

// A network with one NaN answers NaN for every image.
inline absl::Status CheckFinite(const std::string& name, const Tensor& tensor) {
  for (size_t i = 0; i < tensor.values.size(); ++i) {
    if (!std::isfinite(tensor.values[i])) {
      return BadWeights(absl::StrCat(
          "tensor ", name, " holds ", tensor.values[i], " at index ", i,
          "; weights are finite numbers. The file is damaged or the training "
          "diverged: take another"));
    }
  }
  return absl::OkStatus();
}

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TENSOR_H_
