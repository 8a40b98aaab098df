#include "compute/backbone/folding.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

absl::Status Missing(const Architecture& architecture,
                     const TensorSource& tensor, const std::string& why) {
  const bool torchvision = HasFamily(architecture.name, Family::kTorchvision);
  const bool keras = HasFamily(architecture.name, Family::kKeras);
  return BadWeights(absl::StrCat(
      "tensor ", tensor.Text(), " is missing, ", why, ". Give a file of ",
      architecture.name, " with ", torchvision ? "torchvision's" : "",
      torchvision && keras ? " or " : "", keras ? "Keras's" : "", " names"));
}

// The values of the tensor with that role; `value` in each channel without one.
class Channels {
 public:
  Channels(const ConvolutionSource& source, const Tensors& tensors,
           KerasRole role, float otherwise)
      : otherwise_(otherwise) {
    for (const TensorSource& tensor : source.tensors) {
      if (tensor.keras_role == role) tensor_ = &tensors.at(tensor.name);
    }
  }
  double operator[](size_t i) const {
    return tensor_ == nullptr ? otherwise_ : tensor_->values[i];
  }

 private:
  const Tensor* tensor_ = nullptr;
  const double otherwise_;
};

// Takes the kernel out of `tensors`.
absl::StatusOr<LayerWeights> FoldOne(const ConvolutionSource& source,
                                     Tensors& tensors) {
  LayerWeights folded;
  folded.weight = std::move(tensors.at(source.tensors[0].name));
  std::vector<float>& kernel = folded.weight.values;
  const size_t channels = folded.weight.shape[0];
  const size_t fan_in = kernel.size() / channels;
  const bool normed = source.epsilon > 0;
  const Channels bias(source, tensors, KerasRole::kBias, 0);
  const Channels scale(source, tensors, KerasRole::kGamma, 1);
  const Channels shift(source, tensors, KerasRole::kBeta, 0);
  const Channels mean(source, tensors, KerasRole::kMovingMean, 0);
  const Channels variance(source, tensors, KerasRole::kMovingVariance, 1);

  folded.bias = {{folded.weight.shape[0]}, std::vector<float>(channels)};
  for (size_t o = 0; o < channels; ++o) {
    if (!normed) {
      folded.bias.values[o] = static_cast<float>(bias[o]);
      continue;
    }
    if (variance[o] < 0) {
      return BadWeights(absl::StrCat(
          "tensor ", source.tensors.back().Text(), " holds ", variance[o],
          " at index ", o, "; a variance is not negative. Take another file"));
    }
    const double factor = scale[o] / std::sqrt(variance[o] + source.epsilon);
    for (size_t i = o * fan_in; i < (o + 1) * fan_in; ++i) {
      kernel[i] = static_cast<float>(kernel[i] * factor);
    }
    folded.bias.values[o] =
        static_cast<float>(shift[o] + (bias[o] - mean[o]) * factor);
  }
  return folded;
}

}  // namespace

absl::StatusOr<Reach> FindReach(const Architecture& architecture,
                                const Tensors& tensors) {
  const auto there = [&](const TensorSource& tensor) {
    return tensors.count(tensor.name) != 0;
  };
  std::vector<bool> complete(architecture.layers.size(), true);
  const TensorSource* first_missing = nullptr;
  for (const ConvolutionSource& source : architecture.sources) {
    const auto missing =
        std::find_if_not(source.tensors.begin(), source.tensors.end(), there);
    if (missing == source.tensors.end()) {
      if (first_missing == nullptr) continue;
      return Missing(
          architecture, *first_missing,
          absl::StrCat("though ", source.tensors[0].name, " is there"));
    }
    if (std::any_of(source.tensors.begin(), source.tensors.end(), there)) {
      return Missing(architecture, *missing,
                     source.tensors.size() == 2
                         ? "though the layer's other tensor is there"
                         : "though others of its layer are there");
    }
    complete[source.layer] = false;
    if (first_missing == nullptr) first_missing = &*missing;
  }
  if (!complete[0]) {
    return Missing(architecture, *first_missing,
                   absl::StrCat("the first of every ", architecture.name));
  }
  Reach reach{complete, first_missing == nullptr ? "" : first_missing->name};
  for (size_t i = 0; i < architecture.layers.size(); ++i) {
    for (int input : architecture.layers[i].inputs) {
      if (input != kImage && !reach.layers[input]) reach.layers[i] = false;
    }
  }
  return reach;
}

absl::StatusOr<NetworkWeights> Fold(const Architecture& architecture,
                                    const Reach& reach, Tensors tensors) {
  NetworkWeights weights;
  for (const ConvolutionSource& source : architecture.sources) {
    if (!reach.layers[source.layer]) continue;
    ASSIGN_OR_RETURN(LayerWeights folded, FoldOne(source, tensors));
    weights.emplace(architecture.layers[source.layer].name, std::move(folded));
  }
  return weights;
}

}  // namespace nevus
