// Reads VGG16's convolutions out of Keras's HDF5 weight files, both layouts:
//   /block1_conv1/block1_conv1_W_1:0, .../block1_conv1_b_1:0   (Keras 1, 2.0)
//   /block1_conv1/block1_conv1/kernel:0, .../bias:0            (later)
// at the root or under /model_weights (a whole saved model).
//
// HDF5 1.10's parser is C of its time: a file made to attack it may crash it.
// Import files of known origin.
#ifndef NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_
#define NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// True if `bytes` begin with HDF5's signature.
bool LooksLikeHdf5(std::string_view bytes);

// The convolutions that the file holds, renamed to torchvision's and turned
// from HWIO to OIHW. INVALID_ARGUMENT, naming the dataset, for a wrong shape or
// type (32- or 16-bit float is needed), a value that is not finite, or no HDF5
// file. Reads from memory only: links and datasets that point to other files
// are refused. Thread-safe (HDF5 is not: calls wait for each other).
absl::StatusOr<Tensors> ReadKerasVgg16(std::string_view bytes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_
