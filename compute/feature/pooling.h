// An activation becomes a feature vector. The same code for every network and
// arithmetic.
#ifndef NEVUS_COMPUTE_FEATURE_POOLING_H_
#define NEVUS_COMPUTE_FEATURE_POOLING_H_

#include <vector>

#include "compute/backbone/backbone.h"
#include "compute/feature/feature_space.h"

namespace nevus {

// `activation`: cut.channels x cut.height x cut.width, row-major. `feature`:
// FeatureDimension(cut, pooling) floats. The average is summed in double, in
// order, and rounded once.
void Pool(const float* activation, const Cut& cut, Pooling pooling,
          float* feature);

// Each of `cuts` by itself: one activation behind the other becomes one feature
// behind the other.
void PoolAll(const float* activations, const std::vector<Cut>& cuts,
             Pooling pooling, float* feature);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_POOLING_H_
