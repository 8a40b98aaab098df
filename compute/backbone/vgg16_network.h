// VGG16 as a table of layers.h, and its weights as that table wants them.
#ifndef NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/vgg16.h"

namespace nevus {

// All of it. A layer's name is the cut after it.
Layers Vgg16Layers();

NetworkWeights Vgg16LayerWeights(const Vgg16Weights& weights);

// Up to `cut`; the rest as NewOnednnNetwork. REQUIRES: a cut that the weights
// reach.
absl::StatusOr<std::unique_ptr<OnednnNetwork>> NewVgg16Network(
    const Vgg16Weights& weights, const std::string& cut, Arithmetic arithmetic,
    const Calibration& calibration, int input_size, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_
