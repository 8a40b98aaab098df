// Which numbers a feature may consist of, and the one function that makes it
// so. It runs where features are made, in extraction and in serving alike:
// stores keep what comes out of it without loss, so that a classifier is served
// the bits it learned from. Knows no image, no network and no disk.
#ifndef NEVUS_COMPUTE_FEATURE_FEATURE_VALUES_H_
#define NEVUS_COMPUTE_FEATURE_FEATURE_VALUES_H_

#include <cstddef>

#include "compute/feature/feature_space.h"

namespace nevus {

// kFp32: nothing happens. kFp16: each number becomes the nearest half, unless
// they do not fit: a number beyond 65504, or together farther off than 2^-10 of
// the feature's length, as when they are tiny (rounding alone costs 2^-11 at
// most). Then all stay as they are. Finite numbers stay finite; twice gives
// what once does.
void RoundFeature(FeatureValues values, float* feature, size_t count);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_FEATURE_VALUES_H_
