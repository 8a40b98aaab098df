// Weights drawn from a seed, for trying out and measuring: a network of the
// right shape whose activations keep their scale from layer to layer.
#ifndef NEVUS_COMPUTE_BACKBONE_RANDOM_WEIGHTS_H_
#define NEVUS_COMPUTE_BACKBONE_RANDOM_WEIGHTS_H_

#include <cstdint>

#include "compute/backbone/architecture.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// Every tensor of the architecture. The same bits on every machine, as no libm
// function takes part: the i-th value z of a tensor is the sum of twelve 16-bit
// uniforms (Irwin and Hall; tails end at 6 sigma) out of three steps of
// SplitMix64, seeded by seed and the tensor's name.
//
// Kernels: z * sqrt(g / n), n inputs to each output, g = 2 where a ReLU follows
// at once (He et al., 2015), else 1. Scale and variance of a batch
// normalisation: 1 + z / 8; shift and mean: z / 8. Biases: z / 8, but 0 where
// there is no batch normalisation.
Tensors RandomTensors(const Architecture& architecture, uint64_t seed);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_RANDOM_WEIGHTS_H_
