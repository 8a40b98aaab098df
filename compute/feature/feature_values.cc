#include "compute/feature/feature_values.h"

#include <cstdint>
#include <vector>

#include "base/half.h"

namespace nevus {
namespace {

// The square of 2^-10.
constexpr double kMostLost = 0x1p-20;

}  // namespace

void RoundFeature(FeatureValues values, float* feature, size_t count) {
  if (values == FeatureValues::kFp32) return;
  std::vector<uint16_t> halves(count);
  std::vector<float> rounded(count);
  ToHalves(feature, count, halves.data());
  FromHalves(halves.data(), count, rounded.data());
  double lost = 0, length = 0;
  for (size_t i = 0; i < count; ++i) {
    const double off = double{rounded[i]} - feature[i];
    lost += off * off;
    length += double{feature[i]} * feature[i];
  }
  // An overflow is an infinite loss.
  if (lost > kMostLost * length) return;
  for (size_t i = 0; i < count; ++i) feature[i] = rounded[i];
}

}  // namespace nevus
