#include "compute/explanation/nearest.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(NearestTest, DirectionsByHand) {
  // At length 1: (1, 0), (0.6, 0.8), (0, 1), (-1, 0).
  const NearestIndex index({5, 0, 3, 4, 0, 0.5, -2, 0}, 2);
  EXPECT_EQ(index.rows(), 4u);
  const float feature[] = {10, 0};
  const std::vector<Neighbour> found = index.Search(feature, 3);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].row, 0u);
  EXPECT_EQ(found[0].distance, 0);
  EXPECT_EQ(found[1].row, 1u);
  EXPECT_NEAR(found[1].distance, std::sqrt(0.16 + 0.64), 1e-6);
  EXPECT_EQ(found[2].row, 2u);
  EXPECT_NEAR(found[2].distance, std::sqrt(2.0), 1e-6);
  EXPECT_EQ(index.Search(feature, 9).size(), 4u);
  EXPECT_NEAR(index.Search(feature, 9)[3].distance, 2, 1e-6);
  EXPECT_TRUE(index.Search(feature, 0).empty());
}

TEST(NearestTest, AgreesWithSortingAllInDouble) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(1, 1);
  constexpr int kRows = 500;
  constexpr int kDimension = 37;  // no multiple of a register
  std::vector<float> features(kRows * kDimension);
  for (float& number : features) number = normal(random);
  const NearestIndex index(features, kDimension);
  for (int probe = 0; probe < 5; ++probe) {
    std::vector<float> feature(kDimension);
    for (float& number : feature) number = normal(random);
    std::vector<std::pair<double, size_t>> all;
    for (size_t row = 0; row < kRows; ++row) {
      double ab = 0, aa = 0, bb = 0;
      for (size_t i = 0; i < kDimension; ++i) {
        const double a = feature[i], b = features[row * kDimension + i];
        ab += a * b, aa += a * a, bb += b * b;
      }
      all.push_back({std::sqrt(2 - 2 * ab / std::sqrt(aa * bb)), row});
    }
    std::sort(all.begin(), all.end());
    const std::vector<Neighbour> found = index.Search(feature.data(), 10);
    for (size_t i = 0; i < 10; ++i) {
      EXPECT_EQ(found[i].row, all[i].second);
      EXPECT_NEAR(found[i].distance, all[i].first, 1e-5);
    }
  }
}

TEST(NearestTest, EqualsComeInOrderAndNothingIsNothing) {
  const NearestIndex index({0, 0, 1, 1, 2, 2, 1, 1}, 2);
  const float feature[] = {3, 3};
  const std::vector<Neighbour> found = index.Search(feature, 4);
  EXPECT_EQ(found[0].row, 1u);
  EXPECT_EQ(found[1].row, 2u);
  EXPECT_EQ(found[2].row, 3u);
  EXPECT_EQ(found[2].distance, 0);
  EXPECT_EQ(found[3].row, 0u);  // without a direction: 1 away
  EXPECT_NEAR(found[3].distance, 1, 1e-6);
  EXPECT_TRUE(NearestIndex({}, 2).Search(feature, 4).empty());
}

}  // namespace
}  // namespace nevus
