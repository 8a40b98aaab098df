// The work of one Winograd convolution on vectors: what WinogradConvolution
// takes from the processor's instruction set. Each function runs on one thread
// and knows one strip of tiles, no layer.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_KERNELS_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_KERNELS_H_

#include <cstddef>

namespace nevus {

// Rows of tiles that are computed together.
struct WinogradStrip {
  int in_height = 0, in_width = 0;  // of the whole image
  int height = 0, width = 0;        // of the whole output
  int padding = 0;
  int first_row = 0, rows = 0, columns = 0;  // of tiles
};

struct WinogradKernels {
  static constexpr int kTile = 4;                  // outputs a side
  static constexpr int kReach = kTile + 3 - 1;     // inputs a side
  static constexpr int kPoints = kReach * kReach;  // products a tile
  static constexpr int kChannels = 16;  // both sides have a multiple of it

  const char* instructions;
  int panel;  // output channels that Multiply takes at a time, at most

  // From O x I x 3 x 3 to 36 x panels x I x the panel's channels.
  void (*transform_weights)(const float* weights, int in_channels,
                            int out_channels, float* points);
  // From H x W x I to 36 planes of tiles x I, which begin every `plane` floats.
  void (*transform_tile)(const WinogradStrip& strip, int tile, int in_channels,
                         const float* image, float* points, size_t plane);
  // sums = points x weights: tiles x I times I x `columns`, 16 to `panel` of
  // them; `stride` floats from one row of sums to the next.
  void (*multiply)(const float* points, int tiles, int in_channels,
                   const float* weights, int columns, float* sums,
                   size_t stride);
  // From such planes of tiles x O to H x W x O.
  void (*transform_back)(const WinogradStrip& strip, int tile, int out_channels,
                         const float* sums, size_t plane, const float* bias,
                         bool relu, float* output);
};

// REQUIRES: HasAvx2.
const WinogradKernels& WinogradKernelsAvx2();
// REQUIRES: HasAvx512 and HasAvx2 (FMA).
const WinogradKernels& WinogradKernelsAvx512();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_KERNELS_H_
