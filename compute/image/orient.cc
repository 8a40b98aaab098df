#include "compute/image/orient.h"

#include <cstddef>

namespace nevus {

Pixels Upright(Pixels stored, int orientation) {
  if (orientation == 1) return stored;
  // EXIF 2.32, table 6, as two questions: does the result's first row begin at
  // the stored image's right end, or at its lower end?
  const bool from_right = orientation == 2 || orientation == 3 ||
                          orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 ||
                           orientation == 6 || orientation == 7;
  const bool swap = SwapsSides(orientation);

  const ptrdiff_t row = ptrdiff_t{3} * stored.width;
  const ptrdiff_t step_x = from_right ? -3 : 3;
  const ptrdiff_t step_y = from_bottom ? -row : row;
  const ptrdiff_t start = (from_right ? row - 3 : 0) +
                          (from_bottom ? row * (stored.height - 1) : 0);
  const ptrdiff_t step_column = swap ? step_y : step_x;
  const ptrdiff_t step_line = swap ? step_x : step_y;

  Pixels upright;
  upright.width = swap ? stored.height : stored.width;
  upright.height = swap ? stored.width : stored.height;
  upright.rgb.resize(stored.rgb.size());
  uint8_t* to = upright.rgb.data();
  for (ptrdiff_t y = 0; y < upright.height; ++y) {
    for (ptrdiff_t x = 0; x < upright.width; ++x, to += 3) {
      const uint8_t* from =
          stored.rgb.data() + start + y * step_line + x * step_column;
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
  return upright;
}

}  // namespace nevus
