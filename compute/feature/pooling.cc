#include "compute/feature/pooling.h"

#include <algorithm>
#include <numeric>

namespace nevus {

void Pool(const float* activation, const Cut& cut, Pooling pooling,
          float* feature) {
  const int area = cut.height * cut.width;
  if (pooling == Pooling::kFlatten) {
    std::copy_n(activation, cut.channels * area, feature);
    return;
  }
  for (int channel = 0; channel < cut.channels; ++channel) {
    const float* const begin = activation + channel * area;
    const float* const end = begin + area;
    feature[channel] =
        pooling == Pooling::kMax
            ? *std::max_element(begin, end)
            : static_cast<float>(std::accumulate(begin, end, 0.0) / area);
  }
}

void PoolAll(const float* activations, const std::vector<Cut>& cuts,
             Pooling pooling, float* feature) {
  for (const Cut& cut : cuts) {
    Pool(activations, cut, pooling, feature);
    activations += FeatureDimension(cut, Pooling::kFlatten);
    feature += FeatureDimension(cut, pooling);
  }
}

}  // namespace nevus
