#include "compute/feature/arithmetic_choice.h"

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/random_vgg16.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(ChooseFastestTest, TheFastestThatIsExactEnough) {
  const struct {
    const char* what;
    std::vector<ArithmeticTrial> trials;
    Arithmetic wanted;
    const char* part_of_reason;
  } kCases[] = {
      {"nothing else",
       {{Arithmetic::kFp32, 0, 3}},
       Arithmetic::kFp32,
       "auto took fp32: fp32 3.0 images/s, error 0"},
      {"all pass",
       {{Arithmetic::kFp32, 0, 3},
        {Arithmetic::kBf16, 0.004, 7},
        {Arithmetic::kInt8, 0.009, 15}},
       Arithmetic::kInt8,
       "auto took int8"},
      {"the fastest is too rough",
       {{Arithmetic::kFp32, 0, 3},
        {Arithmetic::kFp32Winograd, 1e-6, 9},
        {Arithmetic::kInt8, 0.019, 15},
        {Arithmetic::kInt8Winograd, 0.07, 24}},
       Arithmetic::kInt8,
       "int8_winograd 24.0 images/s, error 0.07 (refused: over 0.02)"},
      {"a kernel that is broken",
       {{Arithmetic::kFp32, 0, 3}, {Arithmetic::kFp32Winograd, 0.001, 9}},
       Arithmetic::kFp32,
       "fp32_winograd 9.0 images/s, error 0.001 (refused: over 0.0001)"},
      {"an overflow",
       {{Arithmetic::kFp32, 0, 3}, {Arithmetic::kBf16, NAN, 9}},
       Arithmetic::kFp32,
       "refused"},
      {"not faster",
       {{Arithmetic::kFp32, 0, 3}, {Arithmetic::kBf16, 0.004, 2}},
       Arithmetic::kFp32,
       "auto took fp32"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.what);
    const ArithmeticChoice choice = ChooseFastest(c.trials);
    EXPECT_EQ(choice.arithmetic, c.wanted);
    EXPECT_NE(choice.reason.find(c.part_of_reason), std::string::npos)
        << choice.reason;
  }
}

Planes SomePlanes(int n) {
  Planes planes;
  for (int i = 0; i < n; ++i) {
    planes.emplace_back(3 * 32 * 32);
    for (size_t k = 0; k < planes.back().size(); ++k) {
      planes.back()[k] = std::sin(0.01f * k * (i + 1));
    }
  }
  return planes;
}

TEST(ChooseArithmeticTest, TriesWhatThisProcessorHas) {
  const auto backbone = RandomVgg16(32);
  const Planes images = SomePlanes(3);
  const auto calibration = Calibrate(*backbone, "block2_pool", images, 1);
  ASSERT_THAT(calibration, IsOk());
  const auto choice = ChooseArithmetic(
      *backbone, "block2_pool", Pooling::kAverage, *calibration, images, 1);
  ASSERT_THAT(choice, IsOk());
  for (Arithmetic arithmetic : Arithmetics()) {
    const std::string tried = std::string(ArithmeticName(arithmetic)) + " ";
    EXPECT_EQ(choice->reason.find(tried) != std::string::npos,
              CheckArithmeticSupported(arithmetic).ok())
        << choice->reason;
  }
}

TEST(ChooseArithmeticTest, WithoutACalibrationNoIntegersAreTried) {
  const auto choice = ChooseArithmetic(*RandomVgg16(32), "block1_pool",
                                       Pooling::kAverage, {}, SomePlanes(1), 1);
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->reason.find("int8"), std::string::npos) << choice->reason;
}

TEST(ChooseArithmeticTest, WithoutImagesNothingIsRisked) {
  const auto backbone = RandomVgg16(32);
  const auto choice =
      ChooseArithmetic(*backbone, "", Pooling::kAverage, {}, {}, 1);
  ASSERT_THAT(choice, IsOk());
  EXPECT_FALSE(NeedsCalibration(choice->arithmetic));
  EXPECT_NE(choice->arithmetic, Arithmetic::kBf16);
}

TEST(CalibrateTest, EveryLayerUpToTheCutHasARange) {
  const auto backbone = RandomVgg16(32);
  const Planes images = SomePlanes(2);
  const auto both = Calibrate(*backbone, "block1_pool", images, 1);
  ASSERT_THAT(both, IsOk());
  ASSERT_EQ(both->size(), 3u);
  EXPECT_GT(both->at("block1_conv1"), 0);
  // A max pool over ReLU keeps the largest.
  EXPECT_EQ(both->at("block1_pool"), both->at("block1_conv2"));
  // The largest of two images, and the same on any number of threads.
  const auto first = Calibrate(*backbone, "block1_pool", {images[0]}, 2);
  const auto second = Calibrate(*backbone, "block1_pool", {images[1]}, 1);
  for (const auto& [layer, range] : *both) {
    EXPECT_EQ(range, std::max(first->at(layer), second->at(layer))) << layer;
  }
}

TEST(CalibrateTest, WithoutImagesItIsImpossible) {
  const auto backbone = RandomVgg16(32);
  EXPECT_EQ(ReasonOf(Calibrate(*backbone, "", {}, 1).status()),
            "CALIBRATION_IMPOSSIBLE");
}

}  // namespace
}  // namespace nevus
