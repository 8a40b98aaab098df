// A network of compute/backbone/layers.h as calls of LibTorch, operation by
// operation, on whatever device LibTorch has. For EagerNetwork and
// DeviceNetwork, which bring images and take activations away. Knows no
// architecture, no stream and no thread.
#ifndef NEVUS_COMPUTE_TORCH_LAYER_PROGRAM_H_
#define NEVUS_COMPUTE_TORCH_LAYER_PROGRAM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"

namespace at {
class Tensor;
}  // namespace at

namespace nevus {

struct LayerProgramOptions {
  std::string device = "cpu";  // or "cuda:0"
  bool bf16 = false;           // weights and activations in bfloat16
  bool channels_last = false;  // what a GPU's bf16 convolutions like
};

// Immutable; thread-safe as far as the device is.
class LayerProgram {
 public:
  // `weights` are copied. `outputs` name layers. INVALID_ARGUMENT if the input
  // size is too small (INPUT_SIZE_INVALID) or a weight is missing
  // (WEIGHTS_INVALID), else as CheckDevice.
  static absl::StatusOr<std::unique_ptr<LayerProgram>> Create(
      const Layers& layers, const NetworkWeights& weights,
      const std::vector<std::string>& outputs, int input_size,
      const LayerProgramOptions& options);
  ~LayerProgram();

  // The shape of each output, of one image.
  const std::vector<LayerShape>& outputs() const;

  // A copy of `tensor` on the device as Run wants its image: number, layout.
  at::Tensor Place(const at::Tensor& tensor) const;

  // `image`: n x 3 x S x S, of Place. One tensor an output, in its number and
  // layout. Throws what LibTorch throws. REQUIRES: inference mode.
  std::vector<at::Tensor> Run(const at::Tensor& image) const;

 private:
  struct Rep;
  explicit LayerProgram(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_LAYER_PROGRAM_H_
