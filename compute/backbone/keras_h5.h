// Reads Keras's HDF5 weight files, both layouts:
//   /block1_conv1/block1_conv1_W_1:0, .../block1_conv1_b_1:0   (Keras 1, 2.0)
//   /block1_conv1/block1_conv1/kernel:0, .../bias:0            (later)
// at the root or under /model_weights (a whole saved model). Knows no network.
//
// HDF5 1.10's parser is C of its time: a file made to attack it may crash it.
// Import files of known origin.
#ifndef NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_
#define NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// A layer by its name, or, for layers that Keras named itself (conv2d,
// conv2d_1, ...), by how many of that name were made before it: the counter
// goes on from model to model in one session, so that files begin at different
// numbers.
struct KerasLayer {
  std::string name;  // "conv1_conv", "conv2d"
  int number = 0;    // from 1 for those that Keras named

  // "conv1_conv", "conv2d number 17".
  std::string Text() const;
};

enum class KerasRole {
  kKernel,
  kDepthwiseKernel,
  kPointwiseKernel,
  kBias,
  kGamma,
  kBeta,
  kMovingMean,
  kMovingVariance,
};

// "kernel", "depthwise_kernel", ... "moving_variance".
const char* KerasRoleName(KerasRole role);

struct KerasTensor {
  std::string name;  // what it is to be called
  KerasLayer layer;
  KerasRole role = KerasRole::kKernel;
  Shape shape;  // of the result: OIHW for kernels
};

// True if `bytes` begin with HDF5's signature.
bool LooksLikeHdf5(std::string_view bytes);

// Those of `wanted` that the file holds; kernels are turned from HWIO to OIHW,
// depthwise ones (HWIM, one multiple) to one input each. INVALID_ARGUMENT,
// naming the dataset, for a wrong shape or type (32- or 16-bit float is
// needed), a value that is not finite, or no HDF5 file. Reads from memory only:
// links and datasets that point to other files are refused. Thread-safe (HDF5
// is not: calls wait for each other).
absl::StatusOr<Tensors> ReadKerasH5(std::string_view bytes,
                                    const std::vector<KerasTensor>& wanted);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_KERAS_H5_H_
