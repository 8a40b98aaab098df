#include "compute/backbone/integer_grid.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr float kUnsignedTop = 255, kSignedTop = 127;

bool MovesIntegers(Op op) {
  switch (op) {
    case Op::kConvolution:
    case Op::kAdd:
      return false;
    case Op::kMaxPool:
    case Op::kAveragePool:
    case Op::kRelu:
    case Op::kConcat:
      return true;
  }
  return false;
}

// Sets of layers with one grid, by their smallest index.
class Groups {
 public:
  explicit Groups(size_t n) : parent_(n) {
    for (size_t i = 0; i < n; ++i) parent_[i] = i;
  }
  int Find(int i) const {
    while (parent_[i] != i) i = parent_[i];
    return i;
  }
  void Join(int a, int b) {
    a = Find(a);
    b = Find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<int> parent_;
};

}  // namespace

absl::StatusOr<std::vector<IntegerGrid>> PlanGrids(
    const Layers& layers, const Calibration& calibration) {
  const int n = layers.size();
  Groups groups(n);
  std::vector<bool> negative(n);  // may be, by construction
  for (int i = 0; i < n; ++i) {
    const Layer& layer = layers[i];
    const bool moves = MovesIntegers(layer.op);
    for (int input : layer.inputs) {
      if (moves && input != kImage) groups.Join(i, input);
      if (moves && (input == kImage || negative[input])) negative[i] = true;
    }
    if (!moves) negative[i] = !layer.relu;
    if (layer.op == Op::kRelu) negative[i] = false;
  }
  std::vector<float> range(n);
  std::vector<bool> is_signed(n);
  for (int i = 0; i < n; ++i) {
    const auto found = calibration.find(layers[i].name);
    if (found == calibration.end() || !std::isfinite(found->second) ||
        found->second < 0) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "layer ", layers[i].name, " has ",
              found == calibration.end() ? "no range"
                                         : absl::StrCat(found->second),
              " in the calibration; int8 needs a finite range of every layer. "
              "Extract anew: the job measures them")),
          "CALIBRATION_MISSING", {{"layer", layers[i].name}});
    }
    const int group = groups.Find(i);
    range[group] = std::max(range[group], found->second);
    if (negative[i]) is_signed[group] = true;
  }
  std::vector<IntegerGrid> grids(n);
  for (int i = 0; i < n; ++i) {
    const int group = groups.Find(i);
    const float top = is_signed[group] ? kSignedTop : kUnsignedTop;
    grids[i].is_signed = is_signed[group];
    grids[i].step = range[group] > 0 ? range[group] / top : 1;
  }
  return grids;
}

std::vector<float> WeightSteps(const Tensor& weight) {
  const size_t channels = weight.shape[0];
  const size_t each = weight.values.size() / channels;
  std::vector<float> steps;
  for (size_t channel = 0; channel < channels; ++channel) {
    float top = 0;
    for (size_t i = 0; i < each; ++i) {
      top = std::max(top, std::fabs(weight.values[channel * each + i]));
    }
    steps.push_back(top > 0 ? top / kSignedTop : 1);
  }
  return steps;
}

}  // namespace nevus
