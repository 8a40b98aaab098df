#include "clients/synthetic/lesion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace nevus {
namespace {

constexpr double kPi = 3.141592653589793;

// The lesion's edge as a radius for each direction, as shares of the image.
class Outline {
 public:
  Outline(const LesionTraits& traits, Random& random)
      : x_(0.5 + 0.045 * random.Normal()),
        y_(0.5 + 0.045 * random.Normal()),
        radius_(0.17 + 0.14 * traits.diameter + 0.025 * random.Normal()),
        warp_(random, 4, 3),
        warp_strength_(0.01 + 0.1 * traits.border * traits.border) {
    const double elongation = random.Uniform(0.02, 0.2);
    Wave(1, 0.2 * traits.asymmetry, random);
    Wave(2, elongation, random);
    Wave(3, 0.16 * traits.asymmetry, random);
    for (int lobes = 4; lobes <= 9; ++lobes) {
      Wave(lobes, 0.075 * traits.border * random.Uniform(0.3, 1), random);
    }
  }

  // Distance from the centre, 1 at the edge.
  double Distance(double u, double v) const {
    const double dx = u - x_, dy = v - y_;
    const double distance = Length(dx, dy);
    if (distance > 2.6 * radius_) return 3;  // far outside: no need to know
    const double angle = std::atan2(dy, dx);
    double radius = 1;
    for (const Lobe& lobe : lobes_) {
      radius += lobe.strength * std::cos(lobe.count * angle + lobe.phase);
    }
    return distance / (radius_ * std::max(radius, 0.3)) +
           warp_strength_ / radius_ * 0.35 * warp_.At(u, v);
  }

  double x() const { return x_; }
  double y() const { return y_; }
  double radius() const { return radius_; }

 private:
  struct Lobe {
    int count;
    double strength, phase;
  };
  void Wave(int count, double strength, Random& random) {
    lobes_.push_back({count, strength, random.Uniform(0, 2 * kPi)});
  }

  const double x_, y_, radius_;
  std::vector<Lobe> lobes_;
  const Noise warp_;
  const double warp_strength_;
};

// A patch of another colour inside the lesion.
struct Patch {
  double x, y, radius, strength;
  Colour colour;
};

std::vector<Patch> DrawPatches(const LesionTraits& traits,
                               const Outline& outline, const Colour& base,
                               Random& random) {
  const std::array<Colour, 5> palette = {{
      Scale(base, 0.45),  // dark brown
      {42, 32, 36},       // black
      {176, 84, 78},      // red
      {104, 112, 132},    // blue-grey
      {206, 168, 152},    // regression, nearly white
  }};
  const int count = static_cast<int>(5.5 * traits.colours * traits.colours +
                                     random.Uniform(0, 1.2));
  std::vector<Patch> patches;
  for (int i = 0; i < count; ++i) {
    const double angle = random.Uniform(0, 2 * kPi);
    const double out = outline.radius() * std::sqrt(random.Uniform()) * 0.85;
    // Brown first: the rarer colours come with many.
    const int rarest = std::min(4, 1 + i);
    const int colour = static_cast<int>(random.Uniform(0, rarest + 0.999));
    patches.push_back({outline.x() + out * std::cos(angle),
                       outline.y() + out * std::sin(angle),
                       outline.radius() * random.Uniform(0.25, 0.6),
                       random.Uniform(0.4, 0.85), palette[colour]});
  }
  return patches;
}

// Dots and globules: few, small and even in a harmless lesion.
void PaintDots(const LesionTraits& traits, const Outline& outline,
               const Colour& base, Random& random, Canvas& canvas) {
  const double size = canvas.size();
  const double irregular = traits.structures;
  const int count =
      static_cast<int>(random.Uniform(0, 14) + 26 * irregular * irregular);
  const double side = random.Uniform(0, 2 * kPi);
  for (int i = 0; i < count; ++i) {
    // Irregular dots gather on one side.
    const double angle = side + random.Normal() * (3 - 2.2 * irregular);
    const double out = outline.radius() * std::sqrt(random.Uniform()) * 0.95;
    const double u = outline.x() + out * std::cos(angle);
    const double v = outline.y() + out * std::sin(angle);
    if (outline.Distance(u, v) > 0.95) continue;
    const double radius =
        size * (0.004 + 0.003 * random.Uniform() +
                0.013 * irregular * std::pow(random.Uniform(), 3));
    canvas.Disc(u * size, v * size, radius,
                Scale(base, random.Uniform(0.3, 0.6)),
                random.Uniform(0.3, 0.75));
  }
}

}  // namespace

void PaintLesion(const LesionTraits& traits, const Skin& skin, Random& random,
                 Canvas& canvas) {
  const Outline outline(traits, random);
  // Pigment: from light to dark brown, darker on darker skin.
  const double dark = random.Uniform(0, 0.75) + 0.15 * skin.tone;
  const Colour base = Mix({168, 112, 78}, {86, 54, 42}, dark);
  const std::vector<Patch> patches = DrawPatches(traits, outline, base, random);
  const double softness = random.Uniform(0.14, 0.3) - 0.1 * traits.border;
  const double core = random.Uniform(0.05, 0.4);
  const double network = random.Uniform(0.05, 0.28);
  const double opacity = random.Uniform(0.72, 0.95);
  const Noise mottle(random, 7, 3), cells(random, 22, 2),
      patch_edge(random, 6, 3);
  const Noise even(random, 3, 1);
  const double veil_angle = random.Uniform(0, 2 * kPi);
  const double veil_x =
      outline.x() + 0.3 * outline.radius() * std::cos(veil_angle);
  const double veil_y =
      outline.y() + 0.3 * outline.radius() * std::sin(veil_angle);
  const double veil_radius = outline.radius() * random.Uniform(0.35, 0.7);
  const double veil = 0.75 * std::max(0.0, 1.6 * traits.veil - 0.6);

  for (int y = 0; y < canvas.size(); ++y) {
    for (int x = 0; x < canvas.size(); ++x) {
      const double u = (x + 0.5) / canvas.size(), v = (y + 0.5) / canvas.size();
      const double distance = outline.Distance(u, v);
      const double inside = SmoothStep(1 + softness, 1 - softness, distance);
      if (inside <= 0) continue;

      // Reticular network: dark lines where a fine noise crosses zero, fading
      // towards the edge and broken where the structures are irregular.
      const double line =
          (1 - SmoothStep(0.02, 0.4, std::abs(cells.At(u, v)))) *
          SmoothStep(1.15, 0.6, distance);
      const double broken =
          1 - traits.structures * SmoothStep(-0.2, 0.5, even.At(u, v));
      const double shade = 1 - network * line * broken -
                           core * SmoothStep(0.9, 0.1, distance) +
                           (0.05 + 0.16 * traits.colours) * mottle.At(u, v);
      Colour colour = Scale(base, shade);
      const double rough = patch_edge.At(u, v);
      for (const Patch& patch : patches) {
        const double away =
            Length(u - patch.x, v - patch.y) / patch.radius + 0.35 * rough;
        colour = Mix(colour, Scale(patch.colour, 1 - 0.3 * network * line),
                     patch.strength * SmoothStep(1.1, 0.7, away));
      }
      if (veil > 0) {
        const double away =
            Length(u - veil_x, v - veil_y) / veil_radius + 0.4 * rough;
        colour =
            Mix(colour, {118, 130, 162}, veil * SmoothStep(1.15, 0.5, away));
      }
      canvas.Blend(x, y, colour, opacity * inside);
    }
  }
  PaintDots(traits, outline, base, random, canvas);
}

}  // namespace nevus
