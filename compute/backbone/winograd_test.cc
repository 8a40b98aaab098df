#include "compute/backbone/winograd.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "compute/backbone/cpu.h"
#include "compute/backbone/winograd_kernels.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

struct Layer {
  WinogradShape shape;
  bool relu;
  std::vector<float> image, weights, bias;
};

int InHeight(const WinogradShape& s) { return s.height + 2 - 2 * s.padding; }
int InWidth(const WinogradShape& s) { return s.width + 2 - 2 * s.padding; }

Layer RandomLayer(const WinogradShape& shape, bool relu) {
  std::mt19937 random(shape.height * 1000 + shape.width);
  std::normal_distribution<float> normal;
  const auto fill = [&](size_t count, float scale) {
    std::vector<float> values(count);
    for (float& value : values) value = normal(random) * scale;
    return values;
  };
  const size_t in = shape.in_channels, out = shape.out_channels;
  return {shape, relu, fill(in * InHeight(shape) * InWidth(shape), 1),
          fill(9 * in * out, 1 / std::sqrt(9.0f * in)), fill(out, 1)};
}

// The definition of a convolution, in double.
std::vector<double> Direct(const Layer& layer) {
  const WinogradShape& s = layer.shape;
  std::vector<double> output;
  for (int y = 0; y < s.height; ++y) {
    for (int x = 0; x < s.width; ++x) {
      for (int o = 0; o < s.out_channels; ++o) {
        double sum = layer.bias[o];
        for (int window = 0; window < 9; ++window) {
          const int row = y + window / 3 - s.padding;
          const int column = x + window % 3 - s.padding;
          if (row < 0 || row >= InHeight(s) || column < 0 ||
              column >= InWidth(s)) {
            continue;
          }
          for (int i = 0; i < s.in_channels; ++i) {
            sum +=
                1.0 *
                layer.image[(row * InWidth(s) + column) * s.in_channels + i] *
                layer.weights[(o * s.in_channels + i) * 9 + window];
          }
        }
        output.push_back(layer.relu ? std::max(sum, 0.0) : sum);
      }
    }
  }
  return output;
}

std::vector<float> Winograd(const WinogradKernels& kernels, const Layer& layer,
                            int threads) {
  const WinogradConvolution convolution(layer.shape, kernels,
                                        layer.weights.data(), layer.bias.data(),
                                        layer.relu, threads);
  std::vector<float> scratch(convolution.scratch_floats());
  std::vector<float> output(size_t{1} * layer.shape.height * layer.shape.width *
                            layer.shape.out_channels);
  convolution.Run(layer.image.data(), output.data(), scratch.data());
  return output;
}

enum class Isa { kAvx2, kAvx512 };

class WinogradTest : public ::testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() == Isa::kAvx512 ? !HasAvx512() : !HasAvx2()) {
      GTEST_SKIP() << "skipped: the processor lacks it";
    }
  }

  const WinogradKernels& kernels() const {
    return GetParam() == Isa::kAvx512 ? WinogradKernelsAvx512()
                                      : WinogradKernelsAvx2();
  }
};

TEST_P(WinogradTest, EqualsTheDefinition) {
  std::vector<std::pair<WinogradShape, bool>> layers = {
      // Whole tiles, and tiles that hang over each edge.
      {{16, 16, 24, 24}, true},
      {{48, 80, 25, 27}, false},
      {{32, 64, 21, 41}, true},
      {{16, 112, 86, 90}, false},
      // Without padding.
      {{80, 192, 15, 33, 0}, true},
      {{16, 48, 22, 14, 0}, false},
      // A strip of one row that is wider than strips are meant to be.
      {{16, 32, 9, 520}, true}};
  // Strips of 1 to 7 tiles after one of 64: blocks of each number of rows.
  for (int tiles = 1; tiles <= 7; ++tiles) {
    layers.push_back({{16, 96, 4 * (64 + tiles) - 1, 3}, false});
  }
  for (const auto& [shape, relu] : layers) {
    ASSERT_TRUE(WinogradConvolution::Fits(shape));
    const Layer layer = RandomLayer(shape, relu);
    const std::vector<double> expected = Direct(layer);
    const std::vector<float> actual = Winograd(kernels(), layer, 1);
    ASSERT_EQ(actual.size(), expected.size());
    double error = 0, size = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      error += std::pow(actual[i] - expected[i], 2);
      size += std::pow(expected[i], 2);
    }
    // As in vgg16_test.
    const double tolerance =
        4.8 * (4 + std::sqrt(shape.in_channels)) * std::pow(2, -24);
    EXPECT_LT(std::sqrt(error / size), tolerance)
        << shape.in_channels << " to " << shape.out_channels << ", "
        << shape.height << " x " << shape.width << ", padding "
        << shape.padding;
  }
}

TEST_P(WinogradTest, ThreadsDoNotChangeABit) {
  // Few strips, which threads share, and many, of which each takes its own.
  for (const WinogradShape& shape :
       {WinogradShape{32, 80, 50, 61}, WinogradShape{16, 32, 97, 250}}) {
    const Layer layer = RandomLayer(shape, true);
    const std::vector<float> alone = Winograd(kernels(), layer, 1);
    for (int threads : {2, 3, 5}) {
      EXPECT_EQ(Winograd(kernels(), layer, threads), alone);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, WinogradTest,
                         ::testing::Values(Isa::kAvx2, Isa::kAvx512),
                         [](const auto& info) {
                           return info.param == Isa::kAvx2 ? "Avx2" : "Avx512";
                         });

TEST(WinogradFitsTest, ChannelsFillVectorsAndThereAreTilesEnough) {
  EXPECT_TRUE(WinogradConvolution::Fits({16, 64, 28, 28}));
  EXPECT_TRUE(WinogradConvolution::Fits({512, 512, 14, 14}));
  EXPECT_FALSE(WinogradConvolution::Fits({3, 64, 224, 224}));
  EXPECT_FALSE(WinogradConvolution::Fits({64, 24, 28, 28}));
  EXPECT_FALSE(WinogradConvolution::Fits({64, 64, 28, 28, 2}));
  EXPECT_FALSE(WinogradConvolution::Fits({512, 512, 12, 12}));
}

}  // namespace
}  // namespace nevus
