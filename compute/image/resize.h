// Resizing, antialiased, by this formula (docs/images.md derives it):
//
//   along one side, from n to m:  s = n / m  (above 1 when shrinking)
//                                 r = max(s, 1)
//   weight of pixel j in pixel i: w(i, j) = max(0, 1 - |j + 1/2 - (i + 1/2) s|
//   / r) out(i) = sum_j w(i, j) in(j) / sum_j w(i, j)       j from 0 to n - 1
//
// applied to columns and rows, each channel alone. So: bilinear when growing, a
// triangle over all pixels that fall into the new one when shrinking. The whole
// image, no crop, each side scaled on its own. Nothing is rounded to integers
// in between. The same as Pillow's BILINEAR but for Pillow's rounding.
#ifndef NEVUS_COMPUTE_IMAGE_RESIZE_H_
#define NEVUS_COMPUTE_IMAGE_RESIZE_H_

#include <cstddef>
#include <vector>

#include "compute/image/pixels.h"

namespace nevus {

// Writes height * width * 3 interleaved floats in [0, 255] (above by a rounding
// error of float at most) to `out`. Thread-safe.
// REQUIRES: `pixels` is not empty; width, height >= 1.
void Resize(const Pixels& pixels, int width, int height, float* out);

// The same, a row at a time, for callers that need no whole copy.
// Thread-compatible. `pixels` must outlive it.
class RowResizer {
 public:
  // REQUIRES: as for Resize.
  RowResizer(const Pixels& pixels, int width, int height);

  // Writes row `y`, 0 to height - 1, 3 * width floats, to `out`.
  void Row(int y, float* out);

 private:
  // How each pixel of the result is made, along one side: weights[i * taps + k]
  // times source pixel first[i] + k, for k below `taps`, the same number for
  // all so that the loop over them is predictable. Where fewer pixels count,
  // the last weights are 0, and their pixels may lie outside the source.
  struct Axis {
    int taps = 0;
    std::vector<int> first;
    std::vector<float> weights;
  };
  static Axis MakeAxis(int from, int to);

  const Pixels& pixels_;
  const Axis columns_;
  const Axis rows_;
  // As wide as a source row, mixed of several; behind it zeros, for columns_'s
  // pixels outside the source and since a pixel is loaded as four floats.
  std::vector<float> row_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_RESIZE_H_
