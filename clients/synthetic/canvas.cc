#include "clients/synthetic/canvas.h"

// jpeglib.h needs size_t and FILE before it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
// clang-format off
#include <jpeglib.h>
// clang-format on

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

JSAMPLE ToByte(float value) {
  return static_cast<JSAMPLE>(std::clamp(value + 0.5f, 0.0f, 255.0f));
}

}  // namespace

Colour Add(const Colour& colour, double amount) {
  const float a = static_cast<float>(amount);
  return {colour.r + a, colour.g + a, colour.b + a};
}

double SmoothStep(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

double Length(double x, double y) { return std::sqrt(x * x + y * y); }

void Canvas::Blend(int x, int y, const Colour& colour, double share) {
  if (x < 0 || y < 0 || x >= size_ || y >= size_) return;
  at(x, y) = Mix(at(x, y), colour, share);
}

void Canvas::Disc(double x, double y, double radius, const Colour& colour,
                  double share) {
  const int reach = static_cast<int>(radius) + 2;
  const int centre_x = static_cast<int>(x), centre_y = static_cast<int>(y);
  for (int py = centre_y - reach; py <= centre_y + reach; ++py) {
    for (int px = centre_x - reach; px <= centre_x + reach; ++px) {
      const double distance = Length(px - x, py - y);
      const double inside = std::clamp(radius + 0.5 - distance, 0.0, 1.0);
      if (inside > 0) Blend(px, py, colour, share * inside);
    }
  }
}

std::string Canvas::Jpeg(int quality, const std::string& comment) const {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  // The default handler exits: only memory can run out here.
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long bytes_size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&jpeg, &bytes, &bytes_size);
  jpeg.image_width = static_cast<JDIMENSION>(size_);
  jpeg.image_height = static_cast<JDIMENSION>(size_);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, quality, TRUE);
  for (int i = 0; i < 3; ++i) {
    jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
  }
  jpeg_start_compress(&jpeg, TRUE);
  jpeg_write_marker(&jpeg, JPEG_COM,
                    reinterpret_cast<const JOCTET*>(comment.data()),
                    static_cast<unsigned>(comment.size()));
  std::vector<JSAMPLE> row(static_cast<size_t>(size_) * 3);
  for (int y = 0; y < size_; ++y) {
    for (int x = 0; x < size_; ++x) {
      const Colour& pixel = pixels_[y * size_ + x];
      row[3 * x] = ToByte(pixel.r);
      row[3 * x + 1] = ToByte(pixel.g);
      row[3 * x + 2] = ToByte(pixel.b);
    }
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string result(reinterpret_cast<char*>(bytes), bytes_size);
  std::free(bytes);
  return result;
}

Noise::Noise(Random& random, int cells, int octaves) {
  float weight = 1;
  for (int octave = 0; octave < octaves; ++octave) {
    Layer layer{cells << octave, weight, {}};
    layer.values.resize(static_cast<size_t>(layer.cells) * layer.cells);
    for (float& value : layer.values) {
      value = static_cast<float>(random.Uniform(-1, 1));
    }
    layers_.push_back(std::move(layer));
    weight /= 2;
  }
}

double Noise::At(double x, double y) const {
  float sum = 0;
  for (const Layer& layer : layers_) {
    const float cell_x = static_cast<float>(x) * layer.cells;
    const float cell_y = static_cast<float>(y) * layer.cells;
    const int column = static_cast<int>(cell_x), row = static_cast<int>(cell_y);
    const int x0 = column % layer.cells, y0 = row % layer.cells;
    const int x1 = x0 + 1 == layer.cells ? 0 : x0 + 1;
    const int y1 = y0 + 1 == layer.cells ? 0 : y0 + 1;
    float fx = cell_x - column, fy = cell_y - row;
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    const float* top = &layer.values[y0 * layer.cells];
    const float* bottom = &layer.values[y1 * layer.cells];
    const float above = top[x0] + (top[x1] - top[x0]) * fx;
    const float below = bottom[x0] + (bottom[x1] - bottom[x0]) * fx;
    sum += layer.weight * (above + (below - above) * fy);
  }
  return sum;
}

}  // namespace nevus
