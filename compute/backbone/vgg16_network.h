// VGG16 on oneDNN, called directly: LibTorch 1.13 never picks Winograd and
// changes layouts around each layer.
//
// Layers stay in the layout that oneDNN likes best; bias and ReLU run inside
// the convolution; weights are transformed once. Winograd's transformed weights
// take up to four times the file's: 170 MB for all of VGG16.
#ifndef NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/network.h"
#include "compute/backbone/vgg16.h"

namespace nevus {

// `weights` are copied, as far as `cut` needs them. kFp32Winograd runs the
// first layer (3 channels) and any that is too small for it as direct
// convolutions. kBf16 rounds weights and activations to bfloat16 and gives the
// last layer in fp32. FAILED_PRECONDITION if the processor cannot;
// RESOURCE_EXHAUSTED without memory. REQUIRES: cut.convs <= weights.convs,
// input_size >= cut.stride.
absl::StatusOr<std::unique_ptr<Network>> NewVgg16Network(
    const Vgg16Weights& weights, const Vgg16Cut& cut, Arithmetic arithmetic,
    int input_size, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_VGG16_NETWORK_H_
