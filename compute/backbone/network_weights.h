// What a network of layers.h needs beside its table: the weights of its
// convolutions. Batch normalisation is already folded into them.
#ifndef NEVUS_COMPUTE_BACKBONE_NETWORK_WEIGHTS_H_
#define NEVUS_COMPUTE_BACKBONE_NETWORK_WEIGHTS_H_

#include <map>
#include <string>

#include "compute/backbone/tensor.h"

namespace nevus {

struct LayerWeights {
  Tensor weight;  // output channels x input channels / groups x height x width
  Tensor bias;    // output channels
};

// By the layer's name, so that a cut (CutAt) needs no copy: an entry for each
// convolution; others may be there and are ignored.
using NetworkWeights = std::map<std::string, LayerWeights>;

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_NETWORK_WEIGHTS_H_
