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
  axis.taps.reserve(to);
  std::vector<double> weights;
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    // Pixel j counts if |j + 0.5 - center| < radius.
    const int first =
        std::max(0, static_cast<int>(std::floor(center - radius - 0.5)) + 1);
    const int end =
        std::min(from, static_cast<int>(std::ceil(center + radius - 0.5)));
    weights.clear();
    double sum = 0;
    for (int j = first; j < end; ++j) {
      weights.push_back(1 - std::abs(j + 0.5 - center) / radius);
      sum += weights.back();
    }
    axis.taps.push_back({first, end - first, axis.weights.size()});
    for (double weight : weights) {
      axis.weights.push_back(static_cast<float>(weight / sum));
    }
  }
  return axis;
}

RowResizer::RowResizer(const Pixels& pixels, int width, int height)
    : pixels_(pixels),
      columns_(MakeAxis(pixels.width, width)),
      rows_(MakeAxis(pixels.height, height)),
      // One float more: the last pixel is loaded as four.
      row_(size_t{3} * pixels.width + 1) {}

void RowResizer::Row(int y, float* out) {
  const size_t row_bytes = size_t{3} * pixels_.width;
  const Taps& rows = rows_.taps[y];
  const float* weights = rows_.weights.data() + rows.weights;
  const uint8_t* from = pixels_.rgb.data() + rows.first * row_bytes;
  SetScaled(from, row_bytes, weights[0], row_.data());
  for (int i = 1; i < rows.count; ++i) {
    AddScaled(from + i * row_bytes, row_bytes, weights[i], row_.data());
  }

  const float* const end = out + 3 * columns_.taps.size();
  for (const Taps& columns : columns_.taps) {
    const float* pixel = row_.data() + size_t{3} * columns.first;
    const float* weight = columns_.weights.data() + columns.weights;
    Float4 sum = {};
    for (int i = 0; i < columns.count; ++i, pixel += 3) {
      sum += weight[i] * Load(pixel);
    }
    const size_t floats = end - out > 3 ? 4 : 3;
    std::memcpy(out, &sum, floats * sizeof(float));
    out += 3;
  }
}

void Resize(const Pixels& pixels, int width, int height, float* out) {
  RowResizer resizer(pixels, width, height);
  for (int y = 0; y < height; ++y) {
    resizer.Row(y, out + size_t{3} * width * y);
  }
}

}  // namespace nevus
