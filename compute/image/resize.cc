#include "compute/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace nevus {
namespace {

// Four floats in one register (GCC and Clang): a pixel, and the next one's red,
// which is computed along and overwritten.
typedef float Float4 __attribute__((vector_size(16)));

Float4 Load(const float* from) {
  Float4 value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

void Store(Float4 value, float* to) { std::memcpy(to, &value, sizeof(value)); }

// The sum of `taps` neighbouring pixels, each times its weight.
Float4 WeightedSum(const float* pixel, const float* weights, int taps) {
  Float4 sum = weights[0] * Load(pixel);
  for (int k = 1; k < taps; ++k) sum += weights[k] * Load(pixel + 3 * k);
  return sum;
}

// to = weight * from, or to += weight * from. Plain loops over whole rows: the
// compiler makes vectors of them.
void SetScaled(const uint8_t* __restrict from, size_t count, float weight,
               float* __restrict to) {
  for (size_t i = 0; i < count; ++i) to[i] = weight * from[i];
}
void AddScaled(const uint8_t* __restrict from, size_t count, float weight,
               float* __restrict to) {
  for (size_t i = 0; i < count; ++i) to[i] += weight * from[i];
}

}  // namespace

RowResizer::Axis RowResizer::MakeAxis(int from, int to) {
  const double scale = static_cast<double>(from) / to;
  const double radius = std::max(scale, 1.0);
  Axis axis;
  // Pixel centres strictly within 2 * radius.
  axis.taps = std::min(from, static_cast<int>(std::ceil(2 * radius)));
  axis.weights.resize(size_t{1} * to * axis.taps);
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    // Pixel j counts if |j + 0.5 - center| < radius.
    const double center = (i + 0.5) * scale;
    const int first =
        std::max(0, static_cast<int>(std::floor(center - radius - 0.5)) + 1);
    const int end =
        std::min({from, first + axis.taps,
                  static_cast<int>(std::ceil(center + radius - 0.5))});
    weights.clear();
    double sum = 0;
    for (int j = first; j < end; ++j) {
      weights.push_back(1 - std::abs(j + 0.5 - center) / radius);
      sum += weights.back();
    }
    axis.first.push_back(first);
    for (size_t k = 0; k < weights.size(); ++k) {
      axis.weights[size_t{1} * i * axis.taps + k] =
          static_cast<float>(weights[k] / sum);
    }
  }
  return axis;
}

RowResizer::RowResizer(const Pixels& pixels, int width, int height)
    : pixels_(pixels),
      columns_(MakeAxis(pixels.width, width)),
      rows_(MakeAxis(pixels.height, height)),
      row_(3 * (size_t{1} * pixels.width + columns_.taps) + 1) {}

void RowResizer::Row(int y, float* out) {
  const size_t row_bytes = size_t{3} * pixels_.width;
  const uint8_t* from = pixels_.rgb.data() + row_bytes * rows_.first[y];
  const float* weight = rows_.weights.data() + size_t{1} * y * rows_.taps;
  SetScaled(from, row_bytes, weight[0], row_.data());
  for (int k = 1; k < rows_.taps && weight[k] != 0; ++k) {
    AddScaled(from + k * row_bytes, row_bytes, weight[k], row_.data());
  }

  const int taps = columns_.taps;
  const int* const first = columns_.first.data();
  const size_t last = columns_.first.size() - 1;
  weight = columns_.weights.data();
  for (size_t x = 0; x < last; ++x, weight += taps, out += 3) {
    Store(WeightedSum(row_.data() + ptrdiff_t{3} * first[x], weight, taps),
          out);
  }
  const Float4 pixel =
      WeightedSum(row_.data() + ptrdiff_t{3} * first[last], weight, taps);
  std::memcpy(out, &pixel, 3 * sizeof(float));  // no next pixel to overwrite
}

void Resize(const Pixels& pixels, int width, int height, float* out) {
  RowResizer resizer(pixels, width, height);
  for (int y = 0; y < height; ++y) {
    resizer.Row(y, out + size_t{3} * width * y);
  }
}

}  // namespace nevus
