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
#include "compute/torch/device_program.h"

namespace nevus {

class LayerProgram final : public DeviceProgram {
 public:
  // `weights` are copied. `outputs` name layers. INVALID_ARGUMENT if the input
  // size is too small (INPUT_SIZE_INVALID) or a weight is missing
  // (WEIGHTS_INVALID), else as CheckDevice.
  static absl::StatusOr<std::unique_ptr<LayerProgram>> Create(
      const Layers& layers, const NetworkWeights& weights,
      const std::vector<std::string>& outputs, int input_size,
      const DeviceProgramOptions& options);
  ~LayerProgram() override;

  std::string device() const override;
  bool recordable() const override { return true; }
  const std::vector<LayerShape>& outputs() const override;
  at::Tensor Place(const at::Tensor& tensor) const override;
  std::vector<at::Tensor> Run(const at::Tensor& image) const override;

 private:
  struct Rep;
  explicit LayerProgram(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_LAYER_PROGRAM_H_
