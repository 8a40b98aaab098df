// Winograd's matrix products.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_PRODUCT_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_PRODUCT_H_

#include <cstddef>

#include "compute/backbone/winograd_lanes.h"

namespace nevus {

// kRows x kVectors sums of kLanes channels have to stay in registers, beside
// kVectors of weights and one point.
template <int kLanes, int kRows, int kVectors>
class WinogradProduct : WinogradLanes<kLanes> {
 public:
  static constexpr int kPanel = kVectors * kLanes;

  static void Multiply(const float* points, int tiles, int in_channels,
                       const float* weights, int columns, float* sums,
                       size_t stride) {
    MultiplyColumns<kVectors>(points, tiles, in_channels, weights, columns,
                              sums, stride);
  }

 private:
  using typename WinogradLanes<kLanes>::Lanes;
  using WinogradLanes<kLanes>::Load;
  using WinogradLanes<kLanes>::Store;

  // `rows` x `vectors` sums at once. Each is added up in the order of the
  // inputs, however many are computed beside it.
  template <int rows, int vectors>
  static void MultiplyBlock(const float* points, size_t in_channels,
                            const float* weights, float* sums, size_t stride) {
    Lanes block[rows][vectors] = {};
    for (size_t i = 0; i < in_channels; ++i) {
      Lanes weight[vectors];
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        weight[v] = Load(weights + (i * vectors + v) * kLanes);
      }
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        const float point = points[r * in_channels + i];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) block[r][v] += point * weight[v];
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        Store(block[r][v], sums + r * stride + v * kLanes);
      }
    }
  }

  template <int rows, int vectors>
  static void MultiplyRows(int count, const float* points, size_t in_channels,
                           const float* weights, float* sums, size_t stride) {
    if (count == rows) {
      MultiplyBlock<rows, vectors>(points, in_channels, weights, sums, stride);
    } else if constexpr (rows > 1) {
      MultiplyRows<rows - 1, vectors>(count, points, in_channels, weights, sums,
                                      stride);
    }
  }

  template <int vectors>
  static void MultiplyColumns(const float* points, int tiles, int in_channels,
                              const float* weights, int columns, float* sums,
                              size_t stride) {
    if (columns != vectors * kLanes) {
      if constexpr (vectors > 1) {
        MultiplyColumns<vectors - 1>(points, tiles, in_channels, weights,
                                     columns, sums, stride);
      }
      return;
    }
    // Blocks as equal as can be: a single row waits for its own sums.
    const int blocks = (tiles + kRows - 1) / kRows;
    for (int block = 0; block < blocks; ++block) {
      const int first = tiles * block / blocks;
      const int end = tiles * (block + 1) / blocks;
      MultiplyRows<kRows, vectors>(
          end - first, points + size_t{1} * first * in_channels, in_channels,
          weights, sums + first * stride, stride);
    }
  }
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_PRODUCT_H_
