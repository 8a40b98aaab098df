// A picture in floating point, smooth noise, and a JPEG of it: what the
// synthetic lesions are painted with. Knows nothing of skin.
#ifndef NEVUS_CLIENTS_SYNTHETIC_CANVAS_H_
#define NEVUS_CLIENTS_SYNTHETIC_CANVAS_H_

#include <string>
#include <vector>

#include "clients/synthetic/random.h"

namespace nevus {

// Red, green, blue, each 0 to 255.
struct Colour {
  float r = 0, g = 0, b = 0;
};

inline Colour Mix(const Colour& from, const Colour& to, double share) {
  const float t = static_cast<float>(share);
  return {from.r + (to.r - from.r) * t, from.g + (to.g - from.g) * t,
          from.b + (to.b - from.b) * t};
}
inline Colour Scale(const Colour& colour, double factor) {
  return Mix({0, 0, 0}, colour, factor);
}
Colour Add(const Colour& colour, double amount);

// 0 below `low`, 1 above `high`, smooth between. `low` may be above `high`.
double SmoothStep(double low, double high, double x);

// Of a short vector: std::hypot guards against overflow, at ten times the cost.
double Length(double x, double y);

// Square, row by row. Thread-compatible.
class Canvas {
 public:
  explicit Canvas(int size) : size_(size), pixels_(size * size) {}
  int size() const { return size_; }
  Colour& at(int x, int y) { return pixels_[y * size_ + x]; }

  // Mixes `colour` into a pixel if it is on the canvas.
  void Blend(int x, int y, const Colour& colour, double share);
  // A disc with a soft rim. Coordinates and radius in pixels.
  void Disc(double x, double y, double radius, const Colour& colour,
            double share);

  // Baseline, 4:4:4, with `comment` as its COM segment.
  std::string Jpeg(int quality, const std::string& comment) const;

 private:
  const int size_;
  std::vector<Colour> pixels_;
};

// Smooth noise over the unit square: `octaves` layers of value noise, the first
// with `cells` cells a side, each next one twice as fine and half as strong.
// About -1 to 1, mean 0. Thread-compatible.
class Noise {
 public:
  Noise(Random& random, int cells, int octaves);
  // REQUIRES: `x` and `y` at least 0. Repeats after 1.
  double At(double x, double y) const;

 private:
  struct Layer {
    int cells;
    float weight;
    std::vector<float> values;
  };
  std::vector<Layer> layers_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_SYNTHETIC_CANVAS_H_
