#include "compute/explanation/overlay.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

Pixels Grey(int width, int height) {
  return {width, height, std::vector<uint8_t>(size_t{3} * width * height, 128)};
}

const uint8_t* At(const Pixels& pixels, int x, int y) {
  return &pixels.rgb[3 * (static_cast<size_t>(y) * pixels.width + x)];
}

TEST(OverlayTest, RedSpeaksForBlueAgainstAndNothingLeavesTheImage) {
  // Places of 8 x 8 pixels; their centres are between the pixels 3 and 4.
  const Pixels drawn = DrawOverlay(Grey(24, 8), {3, 1, {2.f, 0.f, -1.f}, 0});
  ASSERT_EQ(drawn.width, 24);
  ASSERT_EQ(drawn.height, 8);
  // At the left edge the strongest: 0.35 x 128 + 0.65 x (215, 25, 28).
  EXPECT_EQ(At(drawn, 0, 0)[0], 185);
  EXPECT_EQ(At(drawn, 0, 0)[1], 61);
  EXPECT_EQ(At(drawn, 0, 0)[2], 63);
  // At the right edge half as strong: 0.675 x 128 + 0.325 x (33, 102, 214).
  EXPECT_EQ(At(drawn, 23, 7)[0], 97);
  EXPECT_EQ(At(drawn, 23, 7)[2], 156);
  // Two of 24 pixels lie about the middle's centre, 1/16 of a place off it.
  EXPECT_NEAR(At(drawn, 11, 4)[0], 128, 6);
  EXPECT_GT(At(drawn, 11, 4)[0], At(drawn, 12, 4)[0]);
}

TEST(OverlayTest, AMapOfNothingIsTheImage) {
  EXPECT_EQ(DrawOverlay(Grey(5, 4), {2, 2, {0, 0, 0, 0}, 1}).rgb,
            Grey(5, 4).rgb);
}

TEST(OverlayTest, LargeImagesAreShrunkInProportion) {
  const Pixels drawn = DrawOverlay(Grey(2048, 512), {1, 1, {1}, 0});
  EXPECT_EQ(drawn.width, 512);
  EXPECT_EQ(drawn.height, 128);
}

}  // namespace
}  // namespace nevus
