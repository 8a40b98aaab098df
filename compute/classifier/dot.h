// The one sum of products behind a prediction, in an order that is fixed: the
// same numbers give the same bits, on any thread and in any batch. No BLAS,
// which would choose the order by threads and sizes.
#ifndef NEVUS_COMPUTE_CLASSIFIER_DOT_H_
#define NEVUS_COMPUTE_CLASSIFIER_DOT_H_

#include <cstddef>

namespace nevus {

inline float Dot(const float* a, const float* b, size_t size) {
  // The width of an AVX-512 register. Part of the definition: another number of
  // lanes is another order of summation, so other last bits.
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += a[i + lane] * b[i + lane];
    }
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      lanes[lane] += lanes[lane + width];
    }
  }
  return lanes[0];
}

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_DOT_H_
