// A weight file's content becomes tensors with our names. The content decides
// what kind of file it is, and the kind whose weights they are: torchvision's
// come as .safetensors, Keras's as .h5.
#ifndef NEVUS_COMPUTE_BACKBONE_WEIGHT_FILE_H_
#define NEVUS_COMPUTE_BACKBONE_WEIGHT_FILE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/tensor.h"

namespace nevus {

struct WeightFile {
  std::string kind;  // "safetensors" or "keras_h5"
  Family family = Family::kTorchvision;
  Tensors tensors;  // those of the architecture that the file holds
};

// Other tensors (a classifier's, an auxiliary one's, batch counters) are
// ignored. INVALID_ARGUMENT (WEIGHTS_INVALID), naming the tensor, for a file of
// another kind or a wrong shape, type or value. REQUIRES: `arch` exists.
absl::StatusOr<WeightFile> ReadWeightFile(const std::string& arch,
                                          std::string_view bytes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WEIGHT_FILE_H_
