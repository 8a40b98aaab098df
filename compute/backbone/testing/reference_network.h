// Any network of layers.h by its definition: plain loops in double precision.
// Slow; what the fast executors are compared with. Shares only the table and
// its shapes.
#ifndef NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_NETWORK_H_

#include <vector>

#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"

namespace nevus {

// The output of every layer, row-major: channel, row, column. `planes`: 3 x
// size x size. REQUIRES: a sound table and its weights.
std::vector<std::vector<double>> ReferenceNetwork(const Layers& layers,
                                                  const NetworkWeights& weights,
                                                  const float* planes,
                                                  int size);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_NETWORK_H_
