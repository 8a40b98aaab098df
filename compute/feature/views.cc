#include "compute/feature/views.h"

#include <cstddef>

namespace nevus {

void MakeView(const float* from, int channels, int side, int view, float* to) {
  const bool mirrored = (view & 1) != 0;
  const bool upside_down = (view & 2) != 0;
  const bool swapped = (view & 4) != 0;
  const ptrdiff_t n = side;
  // Where the result's first pixel stands, and how far its neighbours are.
  ptrdiff_t step_x = swapped ? n : 1;
  ptrdiff_t step_y = swapped ? 1 : n;
  const ptrdiff_t start =
      (mirrored ? step_x * (n - 1) : 0) + (upside_down ? step_y * (n - 1) : 0);
  if (mirrored) step_x = -step_x;
  if (upside_down) step_y = -step_y;
  for (int channel = 0; channel < channels; ++channel) {
    for (ptrdiff_t y = 0; y < n; ++y) {
      const float* const row = from + start + y * step_y;
      for (ptrdiff_t x = 0; x < n; ++x) to[x] = row[x * step_x];
      to += n;
    }
    from += n * n;
  }
}

void MeanOfViews(const float* features, int views, int dimension, float* mean) {
  for (int i = 0; i < dimension; ++i) {
    double sum = 0;
    for (int view = 0; view < views; ++view) {
      sum += features[ptrdiff_t{view} * dimension + i];
    }
    mean[i] = static_cast<float>(sum / views);
  }
}

}  // namespace nevus
