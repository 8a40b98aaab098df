#include "compute/feature/eager_reference.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/omp_threads.h"
#include "compute/backbone/vgg16.h"

namespace nevus {

struct EagerNetwork::Rep {
  Vgg16Cut cut;
  int input_size = 0;
  int threads = 1;
  std::vector<at::Tensor> weights, biases;
};

EagerNetwork::EagerNetwork(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
EagerNetwork::~EagerNetwork() = default;

absl::StatusOr<std::unique_ptr<EagerNetwork>> EagerNetwork::Create(
    const Backbone& backbone, const std::string& cut_name, int threads) {
  const Vgg16Weights* const weights = backbone.vgg16();
  if (weights == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the eager yardstick knows vgg16 only, not ",
                     backbone.info().arch, ". Choose a vgg16 backbone"));
  }
  ASSIGN_OR_RETURN(const Cut found, FindCut(backbone.info(), cut_name));
  auto rep = std::make_unique<Rep>();
  for (const Vgg16Cut& cut : Vgg16Cuts()) {
    if (cut.name == found.name) rep->cut = cut;
  }
  rep->input_size = backbone.info().input_size;
  rep->threads = threads;
  const auto copy = [&](const std::string& name) {
    const Tensor& tensor = weights->tensors.at(name);
    return at::from_blob(const_cast<float*>(tensor.values.data()), tensor.shape)
        .clone();
  };
  for (int i = 0; i < rep->cut.convs; ++i) {
    rep->weights.push_back(copy(Vgg16Convs()[i].weight()));
    rep->biases.push_back(copy(Vgg16Convs()[i].bias()));
  }
  return std::unique_ptr<EagerNetwork>(new EagerNetwork(std::move(rep)));
}

absl::Status EagerNetwork::Forward(const float* planes, int n,
                                   std::vector<float>* activations) {
  at::get_num_threads();  // LibTorch's own setting of this thread, first
  const ScopedOmpThreads scope(rep_->threads);
  try {
    const c10::InferenceMode inference;
    at::Tensor x = at::from_blob(const_cast<float*>(planes),
                                 {n, 3, rep_->input_size, rep_->input_size});
    for (int i = 0; i < rep_->cut.convs; ++i) {
      x = at::conv2d(x, rep_->weights[i], rep_->biases[i], /*stride=*/1,
                     /*padding=*/1)
              .relu_();
      const bool last = i + 1 == rep_->cut.convs;
      if (Vgg16Convs()[i].pool != nullptr && (!last || rep_->cut.pooled)) {
        x = at::max_pool2d(x, /*kernel_size=*/2, /*stride=*/2);
      }
    }
    x = x.contiguous();
    activations->assign(x.data_ptr<float>(), x.data_ptr<float>() + x.numel());
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace nevus
