// A kernel of our own: Winograd's convolution F(4x4, 3x3) for processors with
// AVX2, on which oneDNN computes 3x3 convolutions directly only. Lavin and
// Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section
// 4. A tile of 4 x 4 outputs takes 36 products a pair of channels, not 144;
// they become 36 matrix products, which are oneDNN's. Knows one layer, no
// network.
#ifndef NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_
#define NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nevus {

// Of a 3x3 convolution with stride 1 and padding 1.
struct WinogradShape {
  int in_channels = 0, out_channels = 0;
  int height = 0, width = 0;
};

class WinogradConvolution {
 public:
  // Whether it can, and gains: the channels fill vectors, and there are tiles
  // enough that the 36 products are worth reading four times the weights.
  static bool Fits(const WinogradShape& shape);

  // `weights` are O x I x 3 x 3, `bias` O; both are copied. REQUIRES: Fits and
  // HasAvx2.
  WinogradConvolution(const WinogradShape& shape, const float* weights,
                      const float* bias, bool relu);

  // From H x W x I to H x W x O. `scratch`: scratch_floats(). On OpenMP's
  // threads of the caller; their number does not change a bit. Throws
  // dnnl::error. Thread-safe.
  void Run(const float* image, float* output, float* scratch) const;

  size_t scratch_floats() const;
  int64_t constant_bytes() const;

 private:
  int TileRows() const;
  int TileColumns() const;
  int StripRows() const;

  const WinogradShape shape_;
  const bool relu_;
  std::vector<float> weights_;  // 36 x I x O
  std::vector<float> bias_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_WINOGRAD_H_
