#include "compute/backbone/random_weights.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAreArray;

Tensors RandomVgg16(uint64_t seed) {
  return RandomTensors(MakeArchitecture("vgg16", Family::kTorchvision), seed);
}

std::vector<float> First4(const Tensors& tensors, const std::string& name) {
  const std::vector<float>& values = tensors.at(name).values;
  return {values.begin(), values.begin() + 4};
}

// By testdata/make_goldens.py, which knows the generator from its description.
TEST(RandomTensorsTest, GivesTheBitsThatPythonGives) {
  const Tensors weights = RandomVgg16(42);
  EXPECT_THAT(
      First4(weights, "features.0.weight"),
      ElementsAreArray({0x1.43bdac0000000p-5f, -0x1.4c79c80000000p-2f,
                        0x1.519ab60000000p-4f, -0x1.6e788c0000000p-5f}));
  EXPECT_THAT(
      First4(weights, "features.28.weight"),
      ElementsAreArray({0x1.9115560000000p-6f, 0x1.39a1560000000p-6f,
                        -0x1.77c0000000000p-8f, 0x1.4f94000000000p-6f}));
}

TEST(RandomTensorsTest, KernelsHaveTheMomentsOfHe) {
  const Tensors tensors = RandomVgg16(7);
  const std::vector<float>& values = tensors.at("features.28.weight").values;
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += double{value} * value;
  }
  const double n = values.size(), variance = 2.0 / 4608;
  // Five standard errors of n = 2,359,296 draws.
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n / variance, 1, 5 * std::sqrt(2 / n));
  for (float bias : tensors.at("features.28.bias").values) EXPECT_EQ(bias, 0);
}

TEST(RandomTensorsTest, BatchNormalisationsAreNoIdentitiesAndKeepTheScale) {
  const Tensors tensors =
      RandomTensors(MakeArchitecture("resnet50", Family::kKeras), 7);
  const auto mean = [&](const std::string& name) {
    double sum = 0;
    for (float value : tensors.at(name).values) sum += value;
    return sum / tensors.at(name).values.size();
  };
  // Five standard errors of 2048 draws of deviation 1/8.
  const double error = 5 * 0.125 / std::sqrt(2048);
  EXPECT_NEAR(mean("layer4.0.bn3.weight"), 1, error);
  EXPECT_NEAR(mean("layer4.0.bn3.running_var"), 1, error);
  EXPECT_NEAR(mean("layer4.0.bn3.bias"), 0, error);
  EXPECT_NEAR(mean("layer4.0.bn3.running_mean"), 0, error);
  EXPECT_NEAR(mean("layer4.0.conv3.bias"), 0, error);
  EXPECT_NE(First4(tensors, "layer4.0.conv3.bias"),
            (std::vector<float>{0, 0, 0, 0}));
  EXPECT_NE(First4(tensors, "layer4.0.bn3.weight"),
            (std::vector<float>{1, 1, 1, 1}));
}

TEST(RandomTensorsTest, AnotherSeedGivesOtherWeights) {
  EXPECT_NE(First4(RandomVgg16(1), "features.0.weight"),
            First4(RandomVgg16(2), "features.0.weight"));
}

}  // namespace
}  // namespace nevus
