#include "compute/backbone/testing/reference_vgg16.h"

#include <algorithm>

namespace nevus {
namespace {

std::vector<double> ConvolveRelu(const std::vector<double>& x, int size,
                                 const Tensor& weight, const Tensor& bias) {
  const int out = weight.shape[0], in = weight.shape[1];
  std::vector<double> result;
  for (int o = 0; o < out; ++o) {
    for (int row = 0; row < size; ++row) {
      for (int column = 0; column < size; ++column) {
        double sum = bias.values[o];
        for (int i = 0; i < in; ++i) {
          for (int dy = -1; dy <= 1; ++dy) {
            for (int dx = -1; dx <= 1; ++dx) {
              const int y = row + dy, z = column + dx;
              if (y < 0 || y >= size || z < 0 || z >= size) continue;
              sum += x[(i * size + y) * size + z] *
                     weight.values[(o * in + i) * 9 + (dy + 1) * 3 + dx + 1];
            }
          }
        }
        result.push_back(std::max(sum, 0.0));
      }
    }
  }
  return result;
}

std::vector<double> MaxPool(const std::vector<double>& x, int channels,
                            int size) {
  std::vector<double> result;
  for (int c = 0; c < channels; ++c) {
    for (int row = 0; row + 1 < size; row += 2) {
      for (int column = 0; column + 1 < size; column += 2) {
        const double* const at = &x[(c * size + row) * size + column];
        result.push_back(std::max({at[0], at[1], at[size], at[size + 1]}));
      }
    }
  }
  return result;
}

}  // namespace

std::vector<double> ReferenceVgg16(const Vgg16Weights& weights,
                                   const Vgg16Cut& cut, const float* planes,
                                   int size) {
  std::vector<double> x(planes, planes + 3 * size * size);
  for (int i = 0; i < cut.convs; ++i) {
    const Vgg16Conv& conv = Vgg16Convs()[i];
    x = ConvolveRelu(x, size, weights.tensors.at(conv.weight()),
                     weights.tensors.at(conv.bias()));
    if (conv.pool != nullptr && (i + 1 < cut.convs || cut.pooled)) {
      x = MaxPool(x, conv.out, size);
      size /= 2;
    }
  }
  return x;
}

}  // namespace nevus
