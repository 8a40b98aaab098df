// Any network of layers.h on oneDNN, called directly: LibTorch 1.13 never picks
// Winograd and changes layouts around each layer. Knows no architecture.
//
// Layers stay in the layout that oneDNN likes best; bias, residual and ReLU run
// inside the convolution; weights are transformed once; buffers are shared by
// activations that are not needed at the same time.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network.h"
#include "compute/backbone/network_weights.h"

namespace nevus {

// The whole of `layers` (cut them first: CutAt); the activation is the last
// one's, fp32. `weights` are copied. The same image gives the same bits for any
// number of `threads`.
//
// A Winograd arithmetic takes direct convolutions where there is no Winograd:
// windows other than 3x3 with stride 1, few channels, small maps. `calibration`
// is read by the int8 arithmetics alone, which need an entry for each layer.
//
// FAILED_PRECONDITION (ARITHMETIC_UNSUPPORTED) if the processor cannot;
// INVALID_ARGUMENT if the input size is too small (INPUT_SIZE_INVALID), a
// weight is missing or has another shape (WEIGHTS_INVALID), a layer is not
// calibrated (CALIBRATION_MISSING); RESOURCE_EXHAUSTED without memory.
absl::StatusOr<std::unique_ptr<Network>> NewOnednnNetwork(
    const Layers& layers, const NetworkWeights& weights, Arithmetic arithmetic,
    const Calibration& calibration, int input_size, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_
