#include "compute/backbone/winograd.h"

#include <omp.h>

#include <algorithm>

#include "compute/backbone/cpu.h"

namespace nevus {
namespace {

constexpr int kTile = WinogradKernels::kTile;
constexpr int kPoints = WinogradKernels::kPoints;
constexpr int kFewestTiles = 16;   // below, direct is as fast
constexpr int kTilesInStrip = 64;  // then its products fill the caches

// Floats from one point's tiles x channels to the next one's. A cache line more
// than they fill: else all points of a tile fall into the same few sets of the
// cache.
size_t PlaneFloats(int tiles, int channels) {
  return size_t{1} * tiles * channels + 16;
}

int Tiles(int side) { return (side + kTile - 1) / kTile; }

}  // namespace

const WinogradKernels& BestWinogradKernels() {
  return HasAvx512() ? WinogradKernelsAvx512() : WinogradKernelsAvx2();
}

bool WinogradConvolution::Fits(const WinogradShape& shape) {
  return (shape.padding == 0 || shape.padding == 1) &&
         shape.in_channels % WinogradKernels::kChannels == 0 &&
         shape.out_channels % WinogradKernels::kChannels == 0 &&
         Tiles(shape.height) * Tiles(shape.width) >= kFewestTiles;
}

WinogradConvolution::WinogradConvolution(const WinogradShape& shape,
                                         const WinogradKernels& kernels,
                                         const float* weights,
                                         const float* bias, bool relu,
                                         int threads)
    : shape_(shape),
      relu_(relu),
      threads_(threads),
      kernels_(kernels),
      weights_(sizeof(float) * weight_floats()),
      bias_(bias, bias + shape.out_channels) {
  kernels_.transform_weights(weights, shape.in_channels, shape.out_channels,
                             static_cast<float*>(weights_.data()));
}

size_t WinogradConvolution::weight_floats() const {
  return size_t{kPoints} * shape_.in_channels * shape_.out_channels;
}

int WinogradConvolution::TileRows() const { return Tiles(shape_.height); }

int WinogradConvolution::TileColumns() const { return Tiles(shape_.width); }

int WinogradConvolution::StripRows() const {
  const int columns = TileColumns();
  return std::clamp((kTilesInStrip + columns / 2) / columns, 1, TileRows());
}

size_t WinogradConvolution::StripFloats() const {
  const int tiles = StripRows() * TileColumns();
  return kPoints * (PlaneFloats(tiles, shape_.in_channels) +
                    PlaneFloats(tiles, shape_.out_channels));
}

bool WinogradConvolution::ThreadsTakeStrips() const {
  return TileRows() >= 2 * threads_ * StripRows();
}

size_t WinogradConvolution::scratch_floats() const {
  return StripFloats() * (ThreadsTakeStrips() ? threads_ : 1);
}

int64_t WinogradConvolution::constant_bytes() const {
  return static_cast<int64_t>(sizeof(float) * (weight_floats() + bias_.size()));
}

void WinogradConvolution::Run(const float* image, float* output,
                              float* scratch) const {
  if (!ThreadsTakeStrips()) {
    for (int row = 0; row < TileRows(); row += StripRows()) {
      RunStrip(row, threads_, image, output, scratch);
    }
    return;
  }
  // No thread waits for another before the end: where others compute, too, a
  // wait costs a core's time slice.
#pragma omp parallel for num_threads(threads_) schedule(dynamic)
  for (int row = 0; row < TileRows(); row += StripRows()) {
    RunStrip(row, 1, image, output,
             scratch + omp_get_thread_num() * StripFloats());
  }
}

void WinogradConvolution::RunStrip(int first_row, int threads,
                                   const float* image, float* output,
                                   float* scratch) const {
  const int in = shape_.in_channels, out = shape_.out_channels;
  const int panels = (out + kernels_.panel - 1) / kernels_.panel;
  const float* const weights = static_cast<const float*>(weights_.data());
  const WinogradStrip strip = {shape_.height + 2 - 2 * shape_.padding,
                               shape_.width + 2 - 2 * shape_.padding,
                               shape_.height,
                               shape_.width,
                               shape_.padding,
                               first_row,
                               std::min(StripRows(), TileRows() - first_row),
                               TileColumns()};
  const int tiles = strip.rows * strip.columns;
  const size_t in_plane = PlaneFloats(tiles, in);
  const size_t out_plane = PlaneFloats(tiles, out);
  float* const sums = scratch + kPoints * in_plane;
#pragma omp parallel num_threads(threads)
  {
#pragma omp for
    for (int tile = 0; tile < tiles; ++tile) {
      kernels_.transform_tile(strip, tile, in, image, scratch, in_plane);
    }
#pragma omp for
    for (int product = 0; product < kPoints * panels; ++product) {
      const int point = product / panels;
      const int first = product % panels * kernels_.panel;
      kernels_.multiply(scratch + point * in_plane, tiles, in,
                        weights + (size_t{1} * point * out + first) * in,
                        std::min(kernels_.panel, out - first),
                        sums + point * out_plane + first, out);
    }
#pragma omp for
    for (int tile = 0; tile < tiles; ++tile) {
      kernels_.transform_back(strip, tile, out, sums, out_plane, bias_.data(),
                              relu_, output);
    }
  }
}

}  // namespace nevus
