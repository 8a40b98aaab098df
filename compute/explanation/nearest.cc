// feature -> [nearest] -> training cases: one pass over all, the best kept in a
// heap.
#include "compute/explanation/nearest.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nevus {
namespace {

void ScaleToUnit(float* feature, size_t size) {
  double squares = 0;
  for (size_t i = 0; i < size; ++i) {
    squares += static_cast<double>(feature[i]) * feature[i];
  }
  if (!(squares > 0)) return;
  const double scale = 1 / std::sqrt(squares);
  for (size_t i = 0; i < size; ++i) {
    feature[i] = static_cast<float>(feature[i] * scale);
  }
}

// Of differences, not by 2 - 2 a.b: the same feature is exactly 0 away.
float SquaredDistance(const float* a, const float* b, size_t size) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float off = a[i + lane] - b[i + lane];
      lanes[lane] += off * off;
    }
  }
  for (size_t lane = 0; i < size; ++i, ++lane) {
    const float off = a[i] - b[i];
    lanes[lane] += off * off;
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace

NearestIndex::NearestIndex(std::vector<float> features, int dimension)
    : features_(std::move(features)),
      dimension_(static_cast<size_t>(dimension)) {
  for (size_t row = 0; row < rows(); ++row) {
    ScaleToUnit(&features_[row * dimension_], dimension_);
  }
}

std::vector<Neighbour> NearestIndex::Search(const float* feature,
                                            size_t count) const {
  std::vector<float> unit(feature, feature + dimension_);
  ScaleToUnit(unit.data(), dimension_);
  // Squared distance and row; the worst of the best is on top.
  std::vector<std::pair<float, size_t>> best;
  for (size_t row = 0; count > 0 && row < rows(); ++row) {
    const std::pair<float, size_t> found(
        SquaredDistance(unit.data(), &features_[row * dimension_], dimension_),
        row);
    if (best.size() < count) {
      best.push_back(found);
      std::push_heap(best.begin(), best.end());
    } else if (found < best.front()) {
      std::pop_heap(best.begin(), best.end());
      best.back() = found;
      std::push_heap(best.begin(), best.end());
    }
  }
  std::sort_heap(best.begin(), best.end());
  std::vector<Neighbour> neighbours;
  for (const auto& [squared, row] : best) {
    neighbours.push_back({row, std::sqrt(static_cast<double>(squared))});
  }
  return neighbours;
}

}  // namespace nevus
