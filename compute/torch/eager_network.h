// A network of compute/backbone/layers.h in LibTorch, operation by operation,
// as people run it: a batch at a time. The yardstick of the benches and the
// second opinion of the tests; on a GPU, the executor. Knows no architecture.
#ifndef NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_
#define NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"

namespace nevus {

struct EagerOptions {
  int threads = 1;             // of the processor
  std::string device = "cpu";  // or "cuda:0"
  bool bf16 = false;           // weights and activations in bfloat16
  bool channels_last = false;  // what a GPU's bf16 convolutions like
};

// One thread at a time.
class EagerNetwork {
 public:
  // `weights` are copied. `outputs` name layers. INVALID_ARGUMENT if the input
  // size is too small (INPUT_SIZE_INVALID), a weight is missing
  // (WEIGHTS_INVALID) or LibTorch knows no such device (DEVICE_UNKNOWN).
  static absl::StatusOr<std::unique_ptr<EagerNetwork>> Create(
      const Layers& layers, const NetworkWeights& weights,
      const std::vector<std::string>& outputs, int input_size,
      const EagerOptions& options);
  ~EagerNetwork();

  // n x 3 x S x S floats, normalised; for each output n x channels x height x
  // width floats. INTERNAL if LibTorch fails.
  absl::Status Forward(const float* planes, int n,
                       std::vector<std::vector<float>>* activations);

 private:
  struct Rep;
  explicit EagerNetwork(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_
