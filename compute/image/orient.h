// Turns pixels upright. Knows no file format.
#ifndef NEVUS_COMPUTE_IMAGE_ORIENT_H_
#define NEVUS_COMPUTE_IMAGE_ORIENT_H_

#include "compute/image/pixels.h"

namespace nevus {

// `stored` as it is to be looked at, `orientation` being EXIF's (1 to 8): 2 and
// 4 mirror, 3 turns by 180 degrees, 6 and 8 turn by 90 clockwise and
// anticlockwise, 5 and 7 mirror at a diagonal. From 5 on the sides swap.
Pixels Upright(Pixels stored, int orientation);

// Whether `orientation` swaps width and height.
inline bool SwapsSides(int orientation) { return orientation >= 5; }

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_ORIENT_H_
