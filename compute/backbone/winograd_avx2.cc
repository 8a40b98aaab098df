// Compiled for AVX2 and FMA: 16 registers, of which 6 x 2 hold sums.
#include "compute/backbone/winograd_kernels.h"
#include "compute/backbone/winograd_product.h"
#include "compute/backbone/winograd_transforms.h"

namespace nevus {

const WinogradKernels& WinogradKernelsAvx2() {
  using Product = WinogradProduct<8, 6, 2>;
  using Transforms = WinogradTransforms<8, Product::kPanel>;
  static constexpr WinogradKernels kKernels = {
      "avx2",           Product::kPanel,   Transforms::Weights,
      Transforms::Tile, Product::Multiply, Transforms::Back};
  return kKernels;
}

}  // namespace nevus
