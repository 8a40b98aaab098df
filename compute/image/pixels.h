// What the decoder makes of an image: the first thing on the way image ->
// dataset -> feature -> model -> prediction that numbers are worked out from.
// Knows neither file formats nor networks.
#ifndef NEVUS_COMPUTE_IMAGE_PIXELS_H_
#define NEVUS_COMPUTE_IMAGE_PIXELS_H_

#include <cstdint>
#include <vector>

namespace nevus {

// Row-major from the top left, 3 * width * height bytes: R, G, B, R, G, B...
// Width and height are at least 1 in whatever the decoder returns.
// Thread-compatible.
struct Pixels {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_PIXELS_H_
