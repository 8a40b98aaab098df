#include "compute/backbone/winograd.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "compute/backbone/cpu.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

struct Layer {
  WinogradShape shape;
  bool relu;
  std::vector<float> image, weights, bias;
};

Layer RandomLayer(const WinogradShape& shape, bool relu) {
  std::mt19937 random(shape.height * 1000 + shape.width);
  std::normal_distribution<float> normal;
  const auto fill = [&](size_t count, float scale) {
    std::vector<float> values(count);
    for (float& value : values) value = normal(random) * scale;
    return values;
  };
  const size_t in = shape.in_channels, out = shape.out_channels;
  return {shape, relu, fill(in * shape.height * shape.width, 1),
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
          const int row = y + window / 3 - 1, column = x + window % 3 - 1;
          if (row < 0 || row >= s.height || column < 0 || column >= s.width) {
            continue;
          }
          for (int i = 0; i < s.in_channels; ++i) {
            sum += 1.0 *
                   layer.image[(row * s.width + column) * s.in_channels + i] *
                   layer.weights[(o * s.in_channels + i) * 9 + window];
          }
        }
        output.push_back(layer.relu ? std::max(sum, 0.0) : sum);
      }
    }
  }
  return output;
}

std::vector<float> Winograd(const Layer& layer, int threads) {
  const WinogradConvolution convolution(layer.shape, layer.weights.data(),
                                        layer.bias.data(), layer.relu);
  std::vector<float> scratch(convolution.scratch_floats());
  std::vector<float> output(size_t{1} * layer.shape.height * layer.shape.width *
                            layer.shape.out_channels);
  omp_set_num_threads(threads);
  convolution.Run(layer.image.data(), output.data(), scratch.data());
  return output;
}

class WinogradTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!HasAvx2()) GTEST_SKIP() << "skipped: the processor has no AVX2";
  }
};

TEST_F(WinogradTest, EqualsTheDefinition) {
  // Whole tiles, tiles that hang over each edge, strips of several rows, and
  // panels of each width.
  const struct {
    WinogradShape shape;
    bool relu;
  } kLayers[] = {{{16, 16, 24, 24}, true},
                 {{48, 80, 25, 27}, false},
                 {{32, 64, 21, 41}, true},
                 {{16, 112, 86, 90}, false},
                 {{16, 144, 13, 16}, true}};
  for (const auto& [shape, relu] : kLayers) {
    ASSERT_TRUE(WinogradConvolution::Fits(shape));
    const Layer layer = RandomLayer(shape, relu);
    const std::vector<double> expected = Direct(layer);
    const std::vector<float> actual = Winograd(layer, 1);
    ASSERT_EQ(actual.size(), expected.size());
    double error = 0, size = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      error += std::pow(actual[i] - expected[i], 2);
      size += std::pow(expected[i], 2);
    }
    EXPECT_LT(std::sqrt(error / size), 1e-5)
        << shape.height << " x " << shape.width;
  }
}

TEST_F(WinogradTest, ThreadsDoNotChangeABit) {
  const Layer layer = RandomLayer({32, 80, 50, 61}, true);
  const std::vector<float> alone = Winograd(layer, 1);
  for (int threads : {2, 3, 5}) EXPECT_EQ(Winograd(layer, threads), alone);
}

TEST(WinogradFitsTest, ChannelsFillVectorsAndThereAreTilesEnough) {
  EXPECT_TRUE(WinogradConvolution::Fits({16, 64, 28, 28}));
  EXPECT_TRUE(WinogradConvolution::Fits({512, 512, 14, 14}));
  EXPECT_FALSE(WinogradConvolution::Fits({3, 64, 224, 224}));
  EXPECT_FALSE(WinogradConvolution::Fits({64, 24, 28, 28}));
  EXPECT_FALSE(WinogradConvolution::Fits({512, 512, 12, 12}));
}

}  // namespace
}  // namespace nevus
