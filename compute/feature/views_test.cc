#include "compute/feature/views.h"

#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

std::vector<float> View(const std::vector<float>& planes, int side, int view) {
  std::vector<float> seen(planes.size());
  const int channels = static_cast<int>(planes.size()) / (side * side);
  MakeView(planes.data(), channels, side, view, seen.data());
  return seen;
}

// By hand, from
//   1 2
//   3 4
TEST(ViewsTest, AreTheFlipsAndQuarterTurns) {
  const float expected[8][4] = {{1, 2, 3, 4}, {2, 1, 4, 3}, {3, 4, 1, 2},
                                {4, 3, 2, 1}, {1, 3, 2, 4}, {3, 1, 4, 2},
                                {2, 4, 1, 3}, {4, 2, 3, 1}};
  for (int view = 0; view < 8; ++view) {
    EXPECT_THAT(View({1, 2, 3, 4}, 2, view), ElementsAreArray(expected[view]))
        << view;
  }
}

TEST(ViewsTest, EachChannelStaysItself) {
  EXPECT_THAT(View({1, 2, 3, 4, 5, 6, 7, 8}, 2, 5),
              ElementsAre(3, 1, 4, 2, 7, 5, 8, 6));
}

// A group: the views of a view are the views of the image.
TEST(ViewsTest, TheViewsOfAViewAreTheSameEight) {
  const std::vector<float> image = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::set<std::vector<float>> all;
  for (int view = 0; view < 8; ++view) all.insert(View(image, 3, view));
  EXPECT_EQ(all.size(), 8u);
  for (const std::vector<float>& seen : all) {
    std::set<std::vector<float>> again;
    for (int view = 0; view < 8; ++view) again.insert(View(seen, 3, view));
    EXPECT_EQ(again, all);
  }
}

TEST(MeanOfViewsTest, IsRoundedOnceInAnyOrder) {
  // Summed in floats the ones would vanish beside 2^25.
  const std::vector<float> up = {0x1p25f, 7, 1, 8, 1, 9, 2, 0};
  const std::vector<float> down = {2, 0, 1, 9, 1, 8, 0x1p25f, 7};
  for (const auto& features : {up, down}) {
    std::vector<float> mean(2);
    MeanOfViews(features.data(), 4, 2, mean.data());
    EXPECT_THAT(mean, ElementsAre(0x1p23f + 1, 6));
  }
}

}  // namespace
}  // namespace nevus
