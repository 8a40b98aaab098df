#include "compute/classifier/vector_math.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "compute/classifier/instruction_sets.h"

namespace nevus {

void AddTo(const float* row, size_t count, double* __restrict sum) {
  RunOnBest([&]() NEVUS_LOOP {
    for (size_t i = 0; i < count; ++i) sum[i] += double{row[i]};
  });
}

void AddSquaredDistance(const float* row, const double* mean, size_t count,
                        double* __restrict sum) {
  RunOnBest([&]() NEVUS_LOOP {
    for (size_t i = 0; i < count; ++i) {
      const double off = double{row[i]} - mean[i];
      sum[i] += off * off;
    }
  });
}

void Standardise(const float* row, const float* mean, const float* inverse_std,
                 size_t count, float* z) {
  RunOnBest([&]() NEVUS_LOOP {
    for (size_t i = 0; i < count; ++i) {
      z[i] = (row[i] - mean[i]) * inverse_std[i];
    }
  });
}

bool AllFinite(const float* row, size_t count) {
  // All bits of the exponent are set in what is not finite, and there only.
  constexpr uint32_t kExponent = 0x7F800000;
  uint32_t found = 0;
  RunOnBest([&]() NEVUS_LOOP {
    for (size_t i = 0; i < count; ++i) {
      uint32_t bits;
      std::memcpy(&bits, row + i, sizeof(bits));
      found |= static_cast<uint32_t>((bits & kExponent) == kExponent);
    }
  });
  return found == 0;
}

void Apply(const AdamStep& step, const float* gradient, size_t count,
           float* __restrict value, float* __restrict mean,
           float* __restrict square) {
  const AdamStep s = step;
  RunOnBest([&]() NEVUS_LOOP {
    for (size_t i = 0; i < count; ++i) {
      const float g = gradient[i];
      const float m = s.beta1 * mean[i] + (1 - s.beta1) * g;
      const float v = s.beta2 * square[i] + (1 - s.beta2) * (g * g);
      mean[i] = m;
      square[i] = v;
      value[i] = s.decay * value[i] -
                 s.rate * (m / (s.inverse * std::sqrt(v) + s.epsilon));
    }
  });
}

}  // namespace nevus
