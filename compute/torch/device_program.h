// A network on a device of LibTorch's, as DeviceNetwork runs it: tensors in,
// tensors out. Knows no stream, no thread and no batch's size.
#ifndef NEVUS_COMPUTE_TORCH_DEVICE_PROGRAM_H_
#define NEVUS_COMPUTE_TORCH_DEVICE_PROGRAM_H_

#include <string>
#include <vector>

#include "compute/backbone/layers.h"

namespace at {
class Tensor;
}  // namespace at

namespace nevus {

struct DeviceProgramOptions {
  std::string device = "cpu";  // or "cuda:0"
  bool bf16 = false;           // weights and activations in bfloat16
  bool channels_last = false;  // what a GPU's bf16 convolutions like
};

// Immutable; thread-safe as far as the device is.
class DeviceProgram {
 public:
  virtual ~DeviceProgram() = default;

  virtual std::string device() const = 0;

  // Whether Run gives the device the same work each time and never waits for
  // it, so that a CUDA graph may stand for it.
  virtual bool recordable() const = 0;

  // The shape of each output, of one image.
  virtual const std::vector<LayerShape>& outputs() const = 0;

  // A copy of `tensor` on the device as Run wants its image: number, layout.
  virtual at::Tensor Place(const at::Tensor& tensor) const = 0;

  // `image`: n x 3 x S x S, of Place. One tensor an output, n x channels x
  // height x width, in any number and layout. Throws what LibTorch throws.
  // REQUIRES: inference mode.
  virtual std::vector<at::Tensor> Run(const at::Tensor& image) const = 0;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_DEVICE_PROGRAM_H_
