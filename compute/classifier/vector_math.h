// The loops of a training that no matrix product does, at the speed of memory.
// Each element is computed by itself, without fused operations, so that every
// processor gives the same bits. Knows no tensor and no training.
#ifndef NEVUS_COMPUTE_CLASSIFIER_VECTOR_MATH_H_
#define NEVUS_COMPUTE_CLASSIFIER_VECTOR_MATH_H_

#include <cstddef>

namespace nevus {

// sum[i] += row[i]
void AddTo(const float* row, size_t count, double* sum);
// sum[i] += (row[i] - mean[i])^2
void AddSquaredDistance(const float* row, const double* mean, size_t count,
                        double* sum);
// z[i] = (row[i] - mean[i]) * inverse_std[i]; `z` may be `row`.
void Standardise(const float* row, const float* mean, const float* inverse_std,
                 size_t count, float* z);
bool AllFinite(const float* row, size_t count);

// One step of Adam (Kingma and Ba, 2015, algorithm 1) with decoupled weight
// decay (Loshchilov and Hutter, 2019, algorithm 2).
struct AdamStep {
  float beta1, beta2, epsilon;
  float decay;    // what the value is multiplied with first
  float rate;     // the learning rate over 1 - beta1^t
  float inverse;  // 1 / sqrt(1 - beta2^t)
};
//   mean   = beta1 mean + (1 - beta1) gradient
//   square = beta2 square + (1 - beta2) gradient^2
//   value  = decay value - rate mean / (inverse sqrt(square) + epsilon)
void Apply(const AdamStep& step, const float* gradient, size_t count,
           float* value, float* mean, float* square);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_VECTOR_MATH_H_
