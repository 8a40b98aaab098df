// ... -> contribution map -> [overlay]: bilinear in the map, blended in RGB.
#include "compute/explanation/overlay.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/image/resize.h"

namespace nevus {
namespace {

constexpr int kLongestSide = 512;
// So that skin still shows through.
constexpr double kMostOpaque = 0.65;
constexpr double kFor[3] = {215, 25, 28};
constexpr double kAgainst[3] = {33, 102, 214};

// The map at `x`, `y` in pixels of a picture of this size, its own places being
// centred in their shares of it; constant beyond the outer centres.
double ValueAt(const ContributionMap& map, int x, int y, int width,
               int height) {
  const auto place = [](int at, int of, int places) {
    const double centred = (at + 0.5) * places / of - 0.5;
    return std::clamp(centred, 0.0, places - 1.0);
  };
  const double column = place(x, width, map.width);
  const double row = place(y, height, map.height);
  const int left = static_cast<int>(column);
  const int top = static_cast<int>(row);
  const int right = std::min(left + 1, map.width - 1);
  const int bottom = std::min(top + 1, map.height - 1);
  const auto value = [&](int from_row, int from_column) -> double {
    return map
        .contributions[static_cast<size_t>(from_row) * map.width + from_column];
  };
  const double u = column - left;
  const double v = row - top;
  return (1 - v) * ((1 - u) * value(top, left) + u * value(top, right)) +
         v * ((1 - u) * value(bottom, left) + u * value(bottom, right));
}

}  // namespace

Pixels DrawOverlay(const Pixels& image, const ContributionMap& map) {
  const double scale = std::min(
      1.0, static_cast<double>(kLongestSide) /
               static_cast<double>(std::max(image.width, image.height)));
  Pixels drawn;
  drawn.width = std::max(1, static_cast<int>(std::lround(image.width * scale)));
  drawn.height =
      std::max(1, static_cast<int>(std::lround(image.height * scale)));
  std::vector<float> rgb(size_t{3} * drawn.width * drawn.height);
  Resize(image, drawn.width, drawn.height, rgb.data());
  double strongest = 0;
  for (const float contribution : map.contributions) {
    strongest = std::max(strongest, std::abs(double{contribution}));
  }
  size_t at = 0;
  for (int y = 0; y < drawn.height; ++y) {
    for (int x = 0; x < drawn.width; ++x) {
      const double value = ValueAt(map, x, y, drawn.width, drawn.height);
      const double alpha =
          strongest > 0 ? kMostOpaque * std::abs(value) / strongest : 0;
      for (int channel = 0; channel < 3; ++channel, ++at) {
        const double colour = value > 0 ? kFor[channel] : kAgainst[channel];
        drawn.rgb.push_back(static_cast<uint8_t>(std::clamp(
            std::lround((1 - alpha) * rgb[at] + alpha * colour), 0l, 255l)));
      }
    }
  }
  return drawn;
}

}  // namespace nevus
