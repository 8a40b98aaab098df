// A network of compute/backbone/layers.h in LibTorch as people run it: eagerly,
// in fp32, on the processor, a batch at a time. The yardstick of the benches
// and the second opinion of the tests. Knows no architecture.
#ifndef NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_
#define NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/torch/layer_program.h"

namespace nevus {

struct EagerOptions {
  int threads = 1;
};

// One thread at a time.
class EagerNetwork {
 public:
  // Errors as LayerProgram::Create.
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
  EagerNetwork(std::unique_ptr<LayerProgram> program, int input_size,
               int threads);

  const std::unique_ptr<LayerProgram> program_;
  const int input_size_;
  const int threads_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_TORCH_EAGER_NETWORK_H_
