#include "clients/synthetic/skin.h"

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

constexpr double kPi = 3.141592653589793;

// A curved hair from edge to edge, thin at its ends.
void PaintHair(Random& random, const Colour& colour, Canvas& canvas) {
  const double size = canvas.size();
  const double angle = random.Uniform(0, 2 * kPi);
  const double length = size * random.Uniform(0.25, 0.9);
  const double bend = random.Normal() * 0.12 * length;
  const double width = size / 256 * random.Uniform(0.5, 1.1);
  const double x0 = random.Uniform(0, size), y0 = random.Uniform(0, size);
  const double along_x = std::cos(angle), along_y = std::sin(angle);
  const double strength = random.Uniform(0.45, 0.85);
  const int steps = static_cast<int>(length * 1.4);
  for (int i = 0; i <= steps; ++i) {
    const double t = static_cast<double>(i) / steps;
    const double across = 4 * t * (1 - t) * bend;
    const double x = x0 + along_x * t * length - along_y * across;
    const double y = y0 + along_y * t * length + along_x * across;
    const double taper = std::min(1.0, 6 * std::min(t, 1 - t) + 0.35);
    canvas.Disc(x, y, width * taper, colour, strength * 0.6);
  }
}

// A bubble in the immersion gel: a bright rim, a dark inner edge, a highlight.
void PaintBubble(Random& random, Canvas& canvas) {
  const double size = canvas.size();
  const double radius = size * std::pow(random.Uniform(), 2) * 0.045 + 2;
  const double cx = random.Uniform(0, size), cy = random.Uniform(0, size);
  const int reach = static_cast<int>(radius) + 2;
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      const double from_rim = (Length(x, y) - radius) / (0.07 * radius + 0.7);
      const double rim = std::exp(-from_rim * from_rim);
      const double lit = 0.5 + 0.5 * std::cos(std::atan2(y, x) + 2.2);
      const int px = static_cast<int>(cx) + x, py = static_cast<int>(cy) + y;
      canvas.Blend(px, py, {250, 245, 240}, 0.45 * rim * lit);
      canvas.Blend(px, py, {60, 45, 40}, 0.2 * rim * (1 - lit));
    }
  }
  canvas.Disc(cx - 0.4 * radius, cy - 0.45 * radius, 0.13 * radius,
              {255, 252, 248}, 0.7);
}

// Millimetre marks along one edge.
void PaintRuler(Random& random, Canvas& canvas) {
  const double size = canvas.size();
  const double step = size * random.Uniform(0.045, 0.08);
  const double edge = size * random.Uniform(0.01, 0.06);
  const bool vertical = random.Chance(0.5), far = random.Chance(0.5);
  int tick = 0;
  for (double at = step / 2; at < size; at += step, ++tick) {
    const double length = size * (tick % 5 == 0 ? 0.06 : 0.03);
    for (double along = 0; along < length; along += 0.5) {
      const double depth = far ? size - 1 - edge - along : edge + along;
      canvas.Disc(vertical ? depth : at, vertical ? at : depth, size / 400,
                  {35, 30, 35}, 0.5);
    }
  }
}

void PaintVignette(Random& random, Canvas& canvas) {
  const double size = canvas.size();
  const double cx = size * (0.5 + 0.03 * random.Normal());
  const double cy = size * (0.5 + 0.03 * random.Normal());
  const double falloff = random.Uniform(0.08, 0.35);
  // One in four shows the dermatoscope's round edge in the corners.
  const bool tube = random.Chance(0.25);
  const double tube_radius = size * random.Uniform(0.58, 0.68);
  const double light_x = 0.08 * random.Normal(),
               light_y = 0.08 * random.Normal();
  for (int y = 0; y < canvas.size(); ++y) {
    for (int x = 0; x < canvas.size(); ++x) {
      const double dx = (x - cx) / size, dy = (y - cy) / size;
      const double square = dx * dx + dy * dy;
      double light = 1 - falloff * 2 * square + light_x * dx + light_y * dy;
      if (tube) {
        const double radius = std::sqrt(square) * size;
        light *= 1 - 0.93 * SmoothStep(tube_radius - size * 0.03,
                                       tube_radius + size * 0.02, radius);
      }
      canvas.at(x, y) = Scale(canvas.at(x, y), light);
    }
  }
}

}  // namespace

Skin DrawSkin(Random& random) {
  Skin skin;
  // Most dermoscopy data sets are of light skin; a few are not.
  skin.tone = std::pow(random.Uniform(), 1.8);
  const Colour light{226, 180, 165}, tan{198, 148, 120}, dark{146, 101, 80};
  skin.colour = skin.tone < 0.5 ? Mix(light, tan, 2 * skin.tone)
                                : Mix(tan, dark, 2 * skin.tone - 1);
  // White balance differs from camera to camera.
  skin.colour.r += static_cast<float>(6 * random.Normal());
  skin.colour.g += static_cast<float>(5 * random.Normal());
  skin.colour.b += static_cast<float>(8 * random.Normal());
  return skin;
}

void PaintSkin(const Skin& skin, Random& random, Canvas& canvas) {
  const Noise blotches(random, 3, 3), relief(random, 28, 2),
      pores(random, 90, 1);
  const double redness = random.Uniform(2, 12);
  const double roughness = random.Uniform(2, 6);
  const double stretch = random.Uniform(0.5, 1);
  for (int y = 0; y < canvas.size(); ++y) {
    for (int x = 0; x < canvas.size(); ++x) {
      const double u = (x + 0.5) / canvas.size(), v = (y + 0.5) / canvas.size();
      const double blotch = blotches.At(u, v);
      // Skin lines: the valleys of a stretched noise.
      const double line = std::abs(relief.At(u + v * 0.3, v * stretch));
      Colour colour = Add(skin.colour, 4 * blotch - roughness * (0.6 - line) +
                                           2 * pores.At(u, v));
      colour.g -= static_cast<float>(redness * blotch);
      colour.b -= static_cast<float>(redness * blotch * 0.8);
      canvas.at(x, y) = colour;
    }
  }
}

void PaintHairsAndDevice(Random& random, Canvas& canvas) {
  const Colour hair = Mix({95, 65, 45}, {25, 18, 15}, random.Uniform(0.2, 1));
  const int hairs =
      random.Chance(0.45) ? static_cast<int>(random.Uniform(1, 18)) : 0;
  for (int i = 0; i < hairs; ++i) PaintHair(random, hair, canvas);
  const int bubbles =
      random.Chance(0.3) ? static_cast<int>(random.Uniform(2, 12)) : 0;
  for (int i = 0; i < bubbles; ++i) PaintBubble(random, canvas);
  if (random.Chance(0.15)) PaintRuler(random, canvas);
  PaintVignette(random, canvas);

  const double grain = random.Uniform(1, 2.5);
  for (int y = 0; y < canvas.size(); ++y) {
    for (int x = 0; x < canvas.size(); ++x) {
      // Three uniforms are near enough to a normal, and cheap.
      const double noise =
          random.Uniform() + random.Uniform() + random.Uniform() - 1.5;
      canvas.at(x, y) = Add(canvas.at(x, y), 2 * grain * noise);
    }
  }
}

}  // namespace nevus
