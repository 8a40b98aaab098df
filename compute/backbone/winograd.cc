#include "compute/backbone/winograd.h"

#include <algorithm>
#include <atomic>
#include <dnnl.hpp>

#if defined(__x86_64__)
#define NEVUS_AVX2 __attribute__((target("avx2,fma")))
#else
#define NEVUS_AVX2
#endif

namespace nevus {
namespace {

constexpr int kTile = 4;                  // outputs a side
constexpr int kReach = kTile + 3 - 1;     // inputs a side
constexpr int kPoints = kReach * kReach;  // products a tile
constexpr int kLanes = 8;                 // channels at a time
constexpr int kFewestTiles = 36;          // below, direct is as fast
constexpr int kTilesInStrip = 96;         // then its products fill the caches

// As the compiler's vectors: 8 channels.
typedef float Lanes __attribute__((vector_size(32), aligned(4)));

NEVUS_AVX2 inline Lanes Load(const float* from) {
  return *reinterpret_cast<const Lanes*>(from);
}
NEVUS_AVX2 inline void Store(const Lanes& lanes, float* to) {
  *reinterpret_cast<Lanes*>(to) = lanes;
}

// The paper's transposed B: six inputs of a row or column become six points.
NEVUS_AVX2 inline void ToPoints(const Lanes* d, Lanes* points) {
  const Lanes a = d[4] - 4.0f * d[2], b = d[3] - 4.0f * d[1];
  const Lanes c = d[4] - d[2], e = 2.0f * (d[3] - d[1]);
  points[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
  points[1] = a + b;
  points[2] = a - b;
  points[3] = c + e;
  points[4] = c - e;
  points[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

// The paper's transposed A: six points become four outputs.
NEVUS_AVX2 inline void FromPoints(const Lanes* m, Lanes* outputs) {
  const Lanes sum = m[1] + m[2], difference = m[1] - m[2];
  const Lanes far_sum = m[3] + m[4], far_difference = m[3] - m[4];
  outputs[0] = m[0] + sum + far_sum;
  outputs[1] = difference + 2.0f * far_difference;
  outputs[2] = sum + 4.0f * far_sum;
  outputs[3] = difference + 8.0f * far_difference + m[5];
}

// Rows of tiles that are computed together.
struct Strip {
  int first_row, rows, columns;
  int tiles() const { return rows * columns; }
};

// points: 36 x tiles x I.
NEVUS_AVX2 void TransformTile(const WinogradShape& shape, const float* image,
                              const Strip& strip, int tile, float* points) {
  const int channels = shape.in_channels;
  const int top = (strip.first_row + tile / strip.columns) * kTile - 1;
  const int left = tile % strip.columns * kTile - 1;
  const size_t plane = size_t{1} * strip.tiles() * channels;
  for (int channel = 0; channel < channels; channel += kLanes) {
    Lanes columns[kReach][kReach], rows[kReach][kReach];
    for (int y = 0; y < kReach; ++y) {
      for (int x = 0; x < kReach; ++x) {
        const bool inside = top + y >= 0 && top + y < shape.height &&
                            left + x >= 0 && left + x < shape.width;
        columns[x][y] =
            inside ? Load(image +
                          (size_t{1} * (top + y) * shape.width + left + x) *
                              channels +
                          channel)
                   : Lanes{};
      }
    }
    for (int x = 0; x < kReach; ++x) {
      Lanes column[kReach];
      ToPoints(columns[x], column);
      for (int y = 0; y < kReach; ++y) rows[y][x] = column[y];
    }
    float* const out = points + size_t{1} * tile * channels + channel;
    for (int y = 0; y < kReach; ++y) {
      Lanes row[kReach];
      ToPoints(rows[y], row);
      for (int x = 0; x < kReach; ++x) {
        Store(row[x], out + (y * kReach + x) * plane);
      }
    }
  }
}

// points: 36 x tiles x O.
NEVUS_AVX2 void TransformBack(const WinogradShape& shape, const float* points,
                              const Strip& strip, int tile, const float* bias,
                              bool relu, float* output) {
  const int channels = shape.out_channels;
  const int top = (strip.first_row + tile / strip.columns) * kTile;
  const int left = tile % strip.columns * kTile;
  const size_t plane = size_t{1} * strip.tiles() * channels;
  for (int channel = 0; channel < channels; channel += kLanes) {
    const float* const in = points + size_t{1} * tile * channels + channel;
    Lanes rows[kTile][kReach];
    for (int x = 0; x < kReach; ++x) {
      Lanes column[kReach], outputs[kTile];
      for (int y = 0; y < kReach; ++y) {
        column[y] = Load(in + (y * kReach + x) * plane);
      }
      FromPoints(column, outputs);
      for (int y = 0; y < kTile; ++y) rows[y][x] = outputs[y];
    }
    const Lanes added = Load(bias + channel), zero = {};
    for (int y = 0; y < std::min(kTile, shape.height - top); ++y) {
      Lanes outputs[kTile];
      FromPoints(rows[y], outputs);
      for (int x = 0; x < std::min(kTile, shape.width - left); ++x) {
        Lanes value = outputs[x] + added;
        if (relu) value = value > zero ? value : zero;
        Store(value,
              output +
                  (size_t{1} * (top + y) * shape.width + left + x) * channels +
                  channel);
      }
    }
  }
}

// The paper's G on both sides, in double: done once.
std::vector<float> TransformWeights(const WinogradShape& shape,
                                    const float* weights) {
  constexpr double kG[kReach][3] = {
      {1 / 4.0, 0, 0},
      {-1 / 6.0, -1 / 6.0, -1 / 6.0},
      {-1 / 6.0, 1 / 6.0, -1 / 6.0},
      {1 / 24.0, 1 / 12.0, 1 / 6.0},
      {1 / 24.0, -1 / 12.0, 1 / 6.0},
      {0, 0, 1},
  };
  const int in = shape.in_channels, out = shape.out_channels;
  std::vector<float> points(size_t{kPoints} * in * out);
  for (int o = 0; o < out; ++o) {
    for (int i = 0; i < in; ++i) {
      const float* const window = weights + (size_t{1} * o * in + i) * 9;
      double half[kReach][3];
      for (int y = 0; y < kReach; ++y) {
        for (int x = 0; x < 3; ++x) {
          half[y][x] = kG[y][0] * window[x] + kG[y][1] * window[3 + x] +
                       kG[y][2] * window[6 + x];
        }
      }
      for (int point = 0; point < kPoints; ++point) {
        const double* const row = half[point / kReach];
        const double* const g = kG[point % kReach];
        points[(size_t{1} * point * in + i) * out + o] =
            static_cast<float>(row[0] * g[0] + row[1] * g[1] + row[2] * g[2]);
      }
    }
  }
  return points;
}

}  // namespace

bool WinogradConvolution::Fits(const WinogradShape& shape) {
  const auto tiles = [](int side) { return (side + kTile - 1) / kTile; };
  return shape.in_channels % kLanes == 0 && shape.out_channels % kLanes == 0 &&
         tiles(shape.height) * tiles(shape.width) >= kFewestTiles;
}

WinogradConvolution::WinogradConvolution(const WinogradShape& shape,
                                         const float* weights,
                                         const float* bias, bool relu)
    : shape_(shape),
      relu_(relu),
      weights_(TransformWeights(shape, weights)),
      bias_(bias, bias + shape.out_channels) {}

int WinogradConvolution::TileRows() const {
  return (shape_.height + kTile - 1) / kTile;
}

int WinogradConvolution::TileColumns() const {
  return (shape_.width + kTile - 1) / kTile;
}

int WinogradConvolution::StripRows() const {
  return std::min(TileRows(),
                  (kTilesInStrip + TileColumns() - 1) / TileColumns());
}

size_t WinogradConvolution::scratch_floats() const {
  return size_t{kPoints} * StripRows() * TileColumns() *
         (shape_.in_channels + shape_.out_channels);
}

int64_t WinogradConvolution::constant_bytes() const {
  return static_cast<int64_t>(sizeof(float) * (weights_.size() + bias_.size()));
}

void WinogradConvolution::Run(const float* image, float* output,
                              float* scratch) const {
  const int in = shape_.in_channels, out = shape_.out_channels;
  std::atomic<dnnl_status_t> status{dnnl_success};
  for (int row = 0; row < TileRows(); row += StripRows()) {
    const Strip strip = {row, std::min(StripRows(), TileRows() - row),
                         TileColumns()};
    const int tiles = strip.tiles();
    float* const sums = scratch + size_t{kPoints} * tiles * in;
#pragma omp parallel
    {
#pragma omp for
      for (int tile = 0; tile < tiles; ++tile) {
        TransformTile(shape_, image, strip, tile, scratch);
      }
      // Each on one thread, so that their number cannot change a sum.
#pragma omp for
      for (int point = 0; point < kPoints; ++point) {
        const dnnl_status_t product =
            dnnl_sgemm('N', 'N', tiles, out, in, 1.0f,
                       scratch + size_t{1} * point * tiles * in, in,
                       weights_.data() + size_t{1} * point * in * out, out,
                       0.0f, sums + size_t{1} * point * tiles * out, out);
        if (product != dnnl_success) status = product;
      }
#pragma omp for
      for (int tile = 0; tile < tiles; ++tile) {
        TransformBack(shape_, sums, strip, tile, bias_.data(), relu_, output);
      }
    }
  }
  if (status != dnnl_success) throw dnnl::error(status, "no matrix product");
}

}  // namespace nevus
