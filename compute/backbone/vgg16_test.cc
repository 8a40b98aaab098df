#include "compute/backbone/vgg16.h"

#include <cmath>
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAreArray;

std::vector<float> First4(const Vgg16Weights& weights,
                          const std::string& name) {
  const std::vector<float>& values = weights.tensors.at(name).values;
  return {values.begin(), values.begin() + 4};
}

// By testdata/make_goldens.py, which knows the generator from its description.
TEST(RandomVgg16Test, GivesTheBitsThatPythonGives) {
  const Vgg16Weights weights = RandomVgg16(42);
  EXPECT_THAT(
      First4(weights, "features.0.weight"),
      ElementsAreArray({0x1.43bdac0000000p-5f, -0x1.4c79c80000000p-2f,
                        0x1.519ab60000000p-4f, -0x1.6e788c0000000p-5f}));
  EXPECT_THAT(
      First4(weights, "features.28.weight"),
      ElementsAreArray({0x1.9115560000000p-6f, 0x1.39a1560000000p-6f,
                        -0x1.77c0000000000p-8f, 0x1.4f94000000000p-6f}));
}

TEST(RandomVgg16Test, HasTheMomentsOfHe) {
  const Vgg16Weights weights = RandomVgg16(7);
  const std::vector<float>& values =
      weights.tensors.at("features.28.weight").values;
  double sum = 0, squares = 0;
  for (float value : values) {
    sum += value;
    squares += double{value} * value;
  }
  const double n = values.size(), variance = 2.0 / 4608;
  // Five standard errors of n = 2,359,296 draws.
  EXPECT_NEAR(sum / n, 0, 5 * std::sqrt(variance / n));
  EXPECT_NEAR(squares / n / variance, 1, 5 * std::sqrt(2 / n));
}

TEST(RandomVgg16Test, AnotherSeedGivesOtherWeights) {
  EXPECT_NE(First4(RandomVgg16(1), "features.0.weight"),
            First4(RandomVgg16(2), "features.0.weight"));
}

TEST(Vgg16FromTensorsTest, KeepsTheLayersUpToTheFirstThatIsMissing) {
  Tensors tensors = RandomVgg16(1).tensors;
  tensors.erase("features.28.weight");
  tensors.erase("features.28.bias");
  const absl::StatusOr<Vgg16Weights> weights = Vgg16FromTensors(tensors);
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->convs, 12);
}

TEST(Vgg16FromTensorsTest, NamesTheTensorThatIsMissing) {
  const Tensors whole = RandomVgg16(1).tensors;
  for (const char* name :
       {"features.0.weight", "features.10.bias", "features.28.weight"}) {
    SCOPED_TRACE(name);
    Tensors tensors = whole;
    tensors.erase(name);
    EXPECT_THAT(Vgg16FromTensors(tensors),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         std::string("tensor ") + name));
  }
  Tensors gap = whole;
  gap.erase("features.7.weight");
  gap.erase("features.7.bias");
  EXPECT_THAT(Vgg16FromTensors(gap),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor features.7.weight (block2_conv2 in Keras) is "
                       "missing, though features.10.weight is there"));
  EXPECT_THAT(Vgg16FromTensors({}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "tensor features.0.weight (block1_conv1 in Keras)"));
}

}  // namespace
}  // namespace nevus
