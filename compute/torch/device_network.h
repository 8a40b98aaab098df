// A network on a GPU: batches of one fixed size,
// channels last, two of them on their way at a time, so that one is copied
// while the other is computed. The same program runs on the processor, without
// streams: slower than compute/backbone's, but it can be tested anywhere.
//
// The size is fixed because a library chooses its kernel, and so its order of
// additions, by the batch's size: the last batch is filled up, and an image's
// bits do not depend on how many came with it (docs/adr/0026).
#ifndef NEVUS_COMPUTE_TORCH_DEVICE_NETWORK_H_
#define NEVUS_COMPUTE_TORCH_DEVICE_NETWORK_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/torch/device_program.h"

namespace nevus {

// For one thread at a time.
class DeviceNetwork {
 public:
  // `batch`: images of a pass. fp32 is without TF32. Runs a few passes to warm
  // up and to see whether a CUDA graph starts them faster. INVALID_ARGUMENT for
  // a batch below 1; INTERNAL if LibTorch fails, as for want of memory.
  static absl::StatusOr<std::unique_ptr<DeviceNetwork>> Create(
      std::unique_ptr<DeviceProgram> program, int input_size, int batch);
  ~DeviceNetwork();

  // What one image gives: channels x height x width of each output, summed.
  size_t activation_floats() const;
  // Whether passes are started by a CUDA graph.
  bool graph() const;

  // `planes`: n x 3 x S x S floats, normalised, for any n >= 0. `activations`:
  // n x activation_floats(), an image's outputs one behind the other. INTERNAL
  // if LibTorch fails.
  absl::Status Forward(const float* planes, int n, float* activations);

 private:
  struct Rep;
  explicit DeviceNetwork(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_DEVICE_NETWORK_H_
