#include "compute/backbone/random_weights.h"

#include <cmath>
#include <utility>

#include "base/digest.h"

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

// base + factor * z.
struct Distribution {
  float base = 0, factor = 0;
};

Distribution DistributionOf(const TensorSource& tensor, const Layer& layer,
                            bool normed) {
  switch (tensor.keras_role) {
    case KerasRole::kKernel:
    case KerasRole::kDepthwiseKernel:
    case KerasRole::kPointwiseKernel: {
      const Shape& shape = tensor.shape;
      const double gain = layer.relu && layer.inputs.size() == 1 ? 2 : 1;
      return {0, static_cast<float>(
                     std::sqrt(gain / (shape[1] * shape[2] * shape[3])))};
    }
    case KerasRole::kBias:
      return {0, normed ? 0.125f : 0};
    case KerasRole::kBeta:
    case KerasRole::kMovingMean:
      return {0, 0.125f};
    case KerasRole::kGamma:
    case KerasRole::kMovingVariance:
      return {1, 0.125f};
  }
  return {};
}

}  // namespace

Tensors RandomTensors(const Architecture& architecture, uint64_t seed) {
  Tensors tensors;
  for (const ConvolutionSource& source : architecture.sources) {
    for (const TensorSource& wanted : source.tensors) {
      const Distribution distribution =
          DistributionOf(wanted, architecture.layers[source.layer],
                         /*normed=*/source.epsilon > 0);
      Tensor tensor{wanted.shape, std::vector<float>(Count(wanted.shape))};
      uint64_t state = Checksum64(wanted.name) ^ seed;
      for (float& value : tensor.values) {
        if (distribution.factor == 0) break;
        value = distribution.base + StandardNormal(state) * distribution.factor;
      }
      tensors[wanted.name] = std::move(tensor);
    }
  }
  return tensors;
}

}  // namespace nevus
