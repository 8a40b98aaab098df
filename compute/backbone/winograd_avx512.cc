// Compiled for AVX-512 F, BW, DQ, VL and FMA: 32 registers, of which 6 x 4 hold
// sums.
#include "compute/backbone/winograd_kernels.h"
#include "compute/backbone/winograd_product.h"
#include "compute/backbone/winograd_transforms.h"

namespace nevus {

const WinogradKernels& WinogradKernelsAvx512() {
  using Product = WinogradProduct<16, 6, 4>;
  using Transforms = WinogradTransforms<16, Product::kPanel>;
  static constexpr WinogradKernels kKernels = {
      "avx512",         Product::kPanel,   Transforms::Weights,
      Transforms::Tile, Product::Multiply, Transforms::Back};
  return kKernels;
}

}  // namespace nevus
