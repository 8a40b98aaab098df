// VGG16 without its classifier (Simonyan and Zisserman, 2015, configuration D):
// thirteen 3x3 convolutions with ReLU, five 2x2 max pools. This table is the
// one place that knows its shape and both families of names; it does no
// arithmetic.
#ifndef NEVUS_COMPUTE_BACKBONE_VGG16_H_
#define NEVUS_COMPUTE_BACKBONE_VGG16_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// One convolution: 3x3, stride 1, padding 1, ReLU after it.
struct Vgg16Conv {
  const char* name;         // Keras's: "block1_conv1"; also the cut after it
  const char* torchvision;  // "features.0": + ".weight", ".bias"
  int in, out;              // channels
  const char* pool;         // the cut after the max pool behind it, or nullptr

  std::string weight() const { return std::string(torchvision) + ".weight"; }
  std::string bias() const { return std::string(torchvision) + ".bias"; }
};

const std::array<Vgg16Conv, 13>& Vgg16Convs();

// The first n convolutions' weights, under torchvision's names: OIHW and O.
struct Vgg16Weights {
  int convs = 0;
  Tensors tensors;
};

// The shape of every tensor of the table, by torchvision's names.
TensorShapes Vgg16Shapes();

// Keeps the unbroken run of layers from the first on. INVALID_ARGUMENT, naming
// the tensor, if there is none, if a layer has only half of its tensors, or if
// a layer is missing before one that is there.
absl::StatusOr<Vgg16Weights> Vgg16FromTensors(Tensors tensors);

// He-normal weights (He et al., 2015: mean 0, variance 2 / (9 in)), zero
// biases. The same bits on every machine, as no libm function takes part: the
// i-th weight of a tensor is the sum of twelve 16-bit uniforms (Irwin and Hall;
// tails end at 6 sigma) out of three steps of SplitMix64, seeded by seed and
// name.
Vgg16Weights RandomVgg16(uint64_t seed);

// Where a cut lies: after `convs` convolutions, and the pool behind them if
// `pooled`. At input size s its output has s / `stride` rows, rounded down.
struct Vgg16Cut {
  std::string name;
  int convs = 0;
  bool pooled = false;
  int channels = 0;
  int stride = 1;
};

// All 18, in the order of the network.
std::vector<Vgg16Cut> Vgg16Cuts();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_VGG16_H_
