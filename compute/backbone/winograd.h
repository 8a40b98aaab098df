// A kernel of our own: Winograd's convolution F(4x4, 3x3). Lavin and Gray,
// "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4. A
// tile of 4 x 4 outputs takes 36 products a pair of channels, not 144; they
// become 36 matrix products. Knows one layer, no network; vectors are
// WinogradKernels'.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compute/backbone/huge_buffer.h"
#include "compute/backbone/winograd_kernels.h"

namespace nevus {

// Of a 3x3 convolution with stride 1.
struct WinogradShape {
  int in_channels = 0, out_channels = 0;
  int height = 0, width = 0;  // of the output
  int padding = 1;            // zeros on each side of the image: 0 or 1
};

// The fastest that this processor has. REQUIRES: HasAvx2.
const WinogradKernels& BestWinogradKernels();

class WinogradConvolution {
 public:
  // Whether it can, and gains: the channels fill vectors, and there are tiles
  // enough that the 36 products are worth reading four times the weights. The
  // same on every processor.
  static bool Fits(const WinogradShape& shape);

  // `weights` are O x I x 3 x 3, `bias` O; both are copied. Throws
  // std::bad_alloc. REQUIRES: Fits, and what `kernels` do.
  WinogradConvolution(const WinogradShape& shape,
                      const WinogradKernels& kernels, const float* weights,
                      const float* bias, bool relu, int threads);

  // From an image of channels innermost to H x W x O. `scratch`:
  // scratch_floats(). On `threads` of OpenMP's; their number does not change a
  // bit. Thread-safe.
  void Run(const float* image, float* output, float* scratch) const;

  size_t scratch_floats() const;
  int64_t constant_bytes() const;
  const char* instructions() const { return kernels_.instructions; }

 private:
  size_t weight_floats() const;
  int TileRows() const;
  int TileColumns() const;
  int StripRows() const;
  size_t StripFloats() const;  // of scratch
  // Whether there are strips enough for each thread to take its own.
  bool ThreadsTakeStrips() const;
  void RunStrip(int first_row, int threads, const float* image, float* output,
                float* scratch) const;

  const WinogradShape shape_;
  const bool relu_;
  const int threads_;
  const WinogradKernels& kernels_;
  const HugeBuffer weights_;  // as of WinogradKernels
  const std::vector<float> bias_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_
