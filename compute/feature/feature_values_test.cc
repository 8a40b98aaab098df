#include "compute/feature/feature_values.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

std::vector<float> Rounded(std::vector<float> feature,
                           FeatureValues values = FeatureValues::kFp16) {
  RoundFeature(values, feature.data(), feature.size());
  return feature;
}

// Halves between 1 and 2 are 2^-10 apart, between 2048 and 4096 two.
TEST(RoundFeatureTest, EachNumberBecomesTheNearestHalf) {
  EXPECT_THAT(Rounded({1 + 0x1p-12f, 1 + 0x1.8p-11f, 0, -2049.5f, 65504}),
              ElementsAre(1, 1 + 0x1p-10f, 0, -2050, 65504));
}

TEST(RoundFeatureTest, Fp32IsLeftAlone) {
  EXPECT_THAT(Rounded({1 + 0x1p-12f, 1e30f}, FeatureValues::kFp32),
              ElementsAre(1 + 0x1p-12f, 1e30f));
}

TEST(RoundFeatureTest, WhatOverflowsAHalfStaysWholeWithAllBesideIt) {
  EXPECT_THAT(Rounded({1 + 0x1p-12f, 65520}), ElementsAre(1 + 0x1p-12f, 65520));
  // Beyond what a float's square can hold, too.
  EXPECT_THAT(Rounded({1 + 0x1p-12f, 3e38f}), ElementsAre(1 + 0x1p-12f, 3e38f));
}

TEST(RoundFeatureTest, WhatAHalfWouldBlurStaysWhole) {
  // 2^-24 is the least step: 1.25 of them would become one, a fifth off.
  EXPECT_THAT(Rounded({0x1.4p-24f, 0}), ElementsAre(0x1.4p-24f, 0));
  // Beside a number that carries the length it does not matter.
  EXPECT_THAT(Rounded({0x1.4p-24f, 1}), ElementsAre(0x1p-24f, 1));
}

TEST(RoundFeatureTest, TwiceGivesWhatOnceDoes) {
  const std::vector<float> once = Rounded({0.1f, 0.2f, 0.3f, 1e-7f, 777.7f});
  EXPECT_EQ(Rounded(once), once);
  EXPECT_THAT(Rounded({}), ElementsAre());
}

}  // namespace
}  // namespace nevus
