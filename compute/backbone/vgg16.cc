#include "compute/backbone/vgg16.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"

namespace nevus {
namespace {

// Steele, Lea and Flood, 2014.
uint64_t SplitMix64(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

// Twelve uniforms of variance 1/12, less their mean. Exact in a float.
float StandardNormal(uint64_t& state) {
  constexpr int kMeanOfSum = 12 * 65535 / 2;
  int sum = -kMeanOfSum;
  for (int word = 0; word < 3; ++word) {
    const uint64_t bits = SplitMix64(state);
    for (int part = 0; part < 4; ++part) sum += bits >> 16 * part & 0xffff;
  }
  return static_cast<float>(sum) * 0x1p-16f;
}

}  // namespace

const std::array<Vgg16Conv, 13>& Vgg16Convs() {
  static constexpr std::array<Vgg16Conv, 13> kConvs = {{
      {"block1_conv1", "features.0", 3, 64, nullptr},
      {"block1_conv2", "features.2", 64, 64, "block1_pool"},
      {"block2_conv1", "features.5", 64, 128, nullptr},
      {"block2_conv2", "features.7", 128, 128, "block2_pool"},
      {"block3_conv1", "features.10", 128, 256, nullptr},
      {"block3_conv2", "features.12", 256, 256, nullptr},
      {"block3_conv3", "features.14", 256, 256, "block3_pool"},
      {"block4_conv1", "features.17", 256, 512, nullptr},
      {"block4_conv2", "features.19", 512, 512, nullptr},
      {"block4_conv3", "features.21", 512, 512, "block4_pool"},
      {"block5_conv1", "features.24", 512, 512, nullptr},
      {"block5_conv2", "features.26", 512, 512, nullptr},
      {"block5_conv3", "features.28", 512, 512, "block5_pool"},
  }};
  return kConvs;
}

TensorShapes Vgg16Shapes() {
  TensorShapes shapes;
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    shapes[conv.weight()] = {conv.out, conv.in, 3, 3};
    shapes[conv.bias()] = {conv.out};
  }
  return shapes;
}

absl::StatusOr<Vgg16Weights> Vgg16FromTensors(Tensors tensors) {
  const auto missing = [](const Vgg16Conv& conv, const std::string& name,
                          const std::string& why) {
    return BadWeights(absl::StrCat(
        "tensor ", name, " (", conv.name, " in Keras) is missing, ", why,
        ". Give a file of VGG16 with torchvision's or Keras's names"));
  };
  Vgg16Weights weights;
  const Vgg16Conv* end = nullptr;  // the first layer that is not there
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    const bool weight = tensors.count(conv.weight()) != 0;
    const bool bias = tensors.count(conv.bias()) != 0;
    if (weight != bias) {
      const std::string name = weight ? conv.bias() : conv.weight();
      return missing(conv, name, "though the layer's other tensor is there");
    }
    if (weight && end != nullptr) {
      return missing(*end, end->weight(),
                     absl::StrCat("though ", conv.weight(), " is there"));
    }
    if (weight) {
      ++weights.convs;
    } else if (end == nullptr) {
      end = &conv;
    }
  }
  if (weights.convs == 0) {
    return missing(*end, end->weight(), "the first of every VGG16");
  }
  weights.tensors = std::move(tensors);
  return weights;
}

Vgg16Weights RandomVgg16(uint64_t seed) {
  Vgg16Weights weights;
  weights.convs = Vgg16Convs().size();
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    Tensor weight{{conv.out, conv.in, 3, 3}, {}};
    weight.values.resize(Count(weight.shape));
    uint64_t state = Checksum64(conv.weight()) ^ seed;
    const float deviation = static_cast<float>(std::sqrt(2.0 / (9 * conv.in)));
    for (float& value : weight.values) {
      value = StandardNormal(state) * deviation;
    }
    weights.tensors[conv.weight()] = std::move(weight);
    weights.tensors[conv.bias()] = {{conv.out}, std::vector<float>(conv.out)};
  }
  return weights;
}

std::vector<Vgg16Cut> Vgg16Cuts() {
  std::vector<Vgg16Cut> cuts;
  int convs = 0, stride = 1;
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    cuts.push_back({conv.name, ++convs, false, conv.out, stride});
    if (conv.pool != nullptr) {
      cuts.push_back({conv.pool, convs, true, conv.out, stride *= 2});
    }
  }
  return cuts;
}

}  // namespace nevus
