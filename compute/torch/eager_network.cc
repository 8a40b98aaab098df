#include "compute/torch/eager_network.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <utility>

#include "base/status.h"
#include "compute/backbone/omp_threads.h"
#include "compute/torch/device.h"
#include "compute/torch/layer_program.h"

namespace nevus {

EagerNetwork::EagerNetwork(std::unique_ptr<LayerProgram> program,
                           int input_size, int threads)
    : program_(std::move(program)),
      input_size_(input_size),
      threads_(threads) {}
EagerNetwork::~EagerNetwork() = default;

absl::StatusOr<std::unique_ptr<EagerNetwork>> EagerNetwork::Create(
    const Layers& layers, const NetworkWeights& weights,
    const std::vector<std::string>& outputs, int input_size,
    const EagerOptions& options) {
  ASSIGN_OR_RETURN(auto program, LayerProgram::Create(layers, weights, outputs,
                                                      input_size, {}));
  return std::unique_ptr<EagerNetwork>(
      new EagerNetwork(std::move(program), input_size, options.threads));
}

absl::Status EagerNetwork::Forward(
    const float* planes, int n, std::vector<std::vector<float>>* activations) {
  at::get_num_threads();  // LibTorch's own setting of this thread, first
  const ScopedOmpThreads scope(threads_);
  activations->clear();
  try {
    const c10::InferenceMode inference;
    const at::Tensor image = program_->Place(at::from_blob(
        const_cast<float*>(planes), {n, 3, input_size_, input_size_}));
    for (const at::Tensor& answer : program_->Run(image)) {
      const at::Tensor x = answer.to(at::kCPU, at::kFloat).contiguous();
      activations->emplace_back(x.data_ptr<float>(),
                                x.data_ptr<float>() + x.numel());
    }
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
  return absl::OkStatus();
}

}  // namespace nevus
