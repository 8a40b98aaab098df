#include "compute/evaluation/calibration_fit.h"

#include <cmath>
#include <cstddef>
#include <vector>

#include "compute/evaluation/logistic_fit.h"
#include "compute/evaluation/testdata/comparison_golden.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(CalibrationFitTest, AgreesWithScikitLearnAndSciPy) {
  for (const ComparisonGolden& golden : kComparisonGoldens) {
    SCOPED_TRACE(golden.name);
    std::vector<Scored> scored;
    for (size_t i = 0; i < golden.b.size(); ++i) {
      scored.push_back({golden.b[i], golden.labels[i] == 1});
    }
    const CalibrationFit fit = FitCalibration(scored);
    // What scikit-learn's Newton leaves.
    EXPECT_NEAR(fit.slope, golden.cox[0], 1e-7);
    EXPECT_NEAR((fit.slope_ci95.high - fit.slope) / 1.959963984540054,
                golden.cox[1], 1e-7);
    EXPECT_NEAR(fit.intercept, golden.cox[2], 1e-10);
    EXPECT_NEAR((fit.intercept - fit.intercept_ci95.low) / 1.959963984540054,
                golden.cox[3], 1e-10);
  }
}

TEST(CalibrationFitTest, WhatPartsTheClassesHasNoSlope) {
  const CalibrationFit fit =
      FitCalibration({{0.1, false}, {0.2, false}, {0.8, true}, {0.9, true}});
  EXPECT_TRUE(std::isnan(fit.slope));
  // By symmetry nothing is to be moved.
  EXPECT_NEAR(fit.intercept, 0, 1e-12);
}

TEST(CalibrationFitTest, OneProbabilityForAllHasNoSlope) {
  // 1 of 4 is positive, 1/2 was said: log(1/3) is missing.
  const CalibrationFit fit =
      FitCalibration({{0.5, false}, {0.5, false}, {0.5, true}, {0.5, false}});
  EXPECT_TRUE(std::isnan(fit.slope));
  EXPECT_NEAR(fit.intercept, std::log(1.0 / 3), 1e-12);
}

TEST(CalibrationFitTest, TheErrorWeighsEachGroupByItsCases) {
  // 3 cases off by 0.1, 1 off by 0.5: (3 x 0.1 + 0.5) / 4.
  EXPECT_DOUBLE_EQ(
      ExpectedCalibrationError({{3, 0.4, 0.3, {}}, {1, 0.5, 1.0, {}}}), 0.2);
}

TEST(CalibrationFitTest, LogLossIsOfWhatWasSaidOfTheTruth) {
  EXPECT_DOUBLE_EQ(LogLoss({{0.25, true}, {0.25, false}}),
                   -(std::log(0.25) + std::log(0.75)) / 2);
  // A certain error costs much, not infinitely much.
  EXPECT_NEAR(LogLoss({{0.0, true}}), -std::log(1e-12), 1e-9);
}

TEST(LogisticFitTest, SoftplusNeitherOverflowsNorLosesItsTail) {
  EXPECT_EQ(Softplus(1000), 1000);
  EXPECT_DOUBLE_EQ(Softplus(0), std::log(2.0));
  EXPECT_DOUBLE_EQ(Softplus(-50), std::exp(-50));
}

}  // namespace
}  // namespace nevus
