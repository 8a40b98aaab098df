// Any network of layers.h on oneDNN, called directly, and for Winograd in fp32
// on a kernel of ours: LibTorch 1.13 never picks Winograd and changes layouts
// around each layer. Knows no architecture.
//
// Layers stay in the layout that their kernels like best; bias, residual and
// ReLU run inside the convolution; weights are transformed once; buffers are
// shared by activations that are not needed at the same time.
#ifndef NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network.h"
#include "compute/backbone/network_weights.h"

namespace nevus {

// For one thread at a time.
class OnednnNetwork : public Network {
 public:
  // One thing that is done for an image.
  struct Step {
    std::string layer;   // "" for what no layer asked for
    std::string kernel;  // oneDNN's name of it, or nevus:...
    int threads = 1;
    double gmac = 0;  // 1e9 multiplications that its definition takes
  };
  virtual const std::vector<Step>& steps() const = 0;

  // Bytes that the network holds: weights and constants, and the buffers of
  // one image.
  virtual int64_t constant_bytes() const = 0;
  virtual int64_t buffer_bytes() const = 0;

  // As Run, with a call after each step, by its index and the seconds it took.
  // `values` are what the step wrote, in oneDNN's layout, channels of padding
  // (zeros) included; empty if they are not fp32.
  using Observer = std::function<void(int step, double seconds,
                                      const float* values, size_t count)>;
  virtual absl::Status RunObserved(const float* planes, float* activation,
                                   const Observer& observer) = 0;
};

// Computes the outputs of the layers that `outputs` names, fp32, one activation
// behind the other; all of `layers` is computed, so cut them first (CutAt).
// `weights` are copied. The same image gives the same bits for any
// number of `threads`.
//
// A Winograd arithmetic takes direct convolutions where there is no Winograd:
// windows other than 3x3 with stride 1, few channels, small maps. `calibration`
// is read by the int8 arithmetics alone, which need an entry for each layer.
//
// FAILED_PRECONDITION (ARITHMETIC_UNSUPPORTED) if the processor cannot;
// REQUIRES: `outputs` are of `layers`. INVALID_ARGUMENT if the input size is
// too small (INPUT_SIZE_INVALID), a weight is missing or has another shape
// (WEIGHTS_INVALID), a layer is not calibrated (CALIBRATION_MISSING);
// RESOURCE_EXHAUSTED without memory.
absl::StatusOr<std::unique_ptr<OnednnNetwork>> NewOnednnNetwork(
    const Layers& layers, const std::vector<std::string>& outputs,
    const NetworkWeights& weights, Arithmetic arithmetic,
    const Calibration& calibration, int input_size, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ONEDNN_NETWORK_H_
