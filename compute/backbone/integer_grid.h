// Which integers stand for a layer's output, and for a convolution's weights,
// where a network is computed in eight bits. Pure: knows no oneDNN.
#ifndef NEVUS_COMPUTE_BACKBONE_INTEGER_GRID_H_
#define NEVUS_COMPUTE_BACKBONE_INTEGER_GRID_H_

#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// A value is integer * step, the integer rounded to nearest and saturated.
// Symmetric around zero, so that padding is the integer 0.
struct IntegerGrid {
  bool is_signed = false;  // -128 to 127 with 127 at the range; else 0 to 255
  float step = 1;
};

// One a layer. A pool, a concatenation and a ReLU only move or drop integers,
// so they share the grid of what feeds them: the widest range of all, signed if
// any may be negative. INVALID_ARGUMENT, reason CALIBRATION_MISSING, naming the
// first layer without a range or with one that is not finite.
absl::StatusOr<std::vector<IntegerGrid>> PlanGrids(
    const Layers& layers, const Calibration& calibration);

// The step of each output channel's weights: its largest magnitude over 127, or
// 1 for a channel of zeros.
std::vector<float> WeightSteps(const Tensor& weight);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_INTEGER_GRID_H_
