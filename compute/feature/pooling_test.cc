#include "compute/feature/pooling.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

// Two channels of two rows and three columns.
const Cut kCut{"cut", 2, 2, 3};
const std::vector<float> kActivation = {1, 2,  3,  4,  5,  6,
                                        0, -1, -2, -3, -4, 10};

std::vector<float> Pooled(Pooling pooling) {
  std::vector<float> feature(FeatureDimension(kCut, pooling));
  Pool(kActivation.data(), kCut, pooling, feature.data());
  return feature;
}

TEST(PoolingTest, AverageIsTheMeanOfEachChannel) {
  EXPECT_THAT(Pooled(Pooling::kAverage), ElementsAre(3.5, 0));
}

TEST(PoolingTest, MaxIsTheGreatestOfEachChannel) {
  EXPECT_THAT(Pooled(Pooling::kMax), ElementsAre(6, 10));
}

TEST(PoolingTest, FlattenKeepsAllInOrder) {
  EXPECT_EQ(Pooled(Pooling::kFlatten), kActivation);
}

TEST(PoolingTest, SeveralCutsArePooledEachAndJoined) {
  const std::vector<Cut> cuts = {{"late", 1, 1, 2}, {"early", 2, 1, 3}};
  const std::vector<float> activations = {1, 3, 4, 5, 6, -1, -2, -3};
  ASSERT_EQ(FeatureDimension(cuts, Pooling::kAverage), 3);
  ASSERT_EQ(FeatureDimension(cuts, Pooling::kFlatten), 8);
  std::vector<float> feature(3);
  PoolAll(activations.data(), cuts, Pooling::kAverage, feature.data());
  EXPECT_THAT(feature, ElementsAre(2, 5, -2));
  PoolAll(activations.data(), cuts, Pooling::kMax, feature.data());
  EXPECT_THAT(feature, ElementsAre(3, 6, -1));
  std::vector<float> flat(8);
  PoolAll(activations.data(), cuts, Pooling::kFlatten, flat.data());
  EXPECT_EQ(flat, activations);
}

TEST(PoolingTest, TheAverageIsRoundedOnce) {
  // Summed in floats the ones would vanish beside 2^24.
  const Cut cut{"cut", 1, 1, 4};
  const std::vector<float> activation = {0x1p24f, 1, 1, 2};
  float feature = 0;
  Pool(activation.data(), cut, Pooling::kAverage, &feature);
  EXPECT_EQ(feature, 0x1p22f + 1);
}

}  // namespace
}  // namespace nevus
