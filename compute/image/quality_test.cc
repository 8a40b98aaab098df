#include "compute/image/quality.h"

#include <cstdint>
#include <functional>

#include "gtest/gtest.h"

namespace nevus {
namespace {

Pixels Grey(int width, int height,
            const std::function<int(int x, int y)>& value) {
  Pixels pixels{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        pixels.rgb.push_back(static_cast<uint8_t>(value(x, y)));
      }
    }
  }
  return pixels;
}

// "" if there is no problem.
std::string Reason(const Pixels& pixels) {
  const auto problem = FindQualityProblem(MeasureQuality(pixels));
  return problem.has_value() ? problem->reason : "";
}

TEST(QualityTest, ACheckerboardByHand) {
  // Every Laplacian is 4 x 255, up or down by turns; half of the pixels are 0,
  // half 255.
  const ImageQuality quality = MeasureQuality(
      Grey(8, 6, [](int x, int y) { return 255 * ((x + y) % 2); }));
  EXPECT_EQ(quality.shorter_side, 6);
  EXPECT_NEAR(quality.contrast, 127.5, 1e-4);
  EXPECT_NEAR(quality.sharpness, 1020.0 * 1020, 1);
}

TEST(QualityTest, ARampHasContrastAndNoSharpness) {
  const Pixels ramp = Grey(100, 64, [](int x, int) { return 2 * x; });
  const ImageQuality quality = MeasureQuality(ramp);
  // Of 0, 2 ... 198: 2 sqrt((100^2 - 1) / 12).
  EXPECT_NEAR(quality.contrast, 57.732, 1e-3);
  EXPECT_NEAR(quality.sharpness, 0, 1e-6);
  EXPECT_EQ(Reason(ramp), "IMAGE_BLURRED");
}

TEST(QualityTest, TheMostVariedChannelIsTheContrast) {
  Pixels pixels{2, 1, {10, 20, 30, 10, 40, 33}};
  EXPECT_NEAR(MeasureQuality(pixels).contrast, 10, 1e-5);
  EXPECT_EQ(MeasureQuality(pixels).sharpness, 0);
}

TEST(QualityTest, NearlyOneColourIsSaidBeforeBlur) {
  EXPECT_EQ(Reason(Grey(300, 200, [](int, int) { return 120; })),
            "IMAGE_ONE_COLOUR");
  EXPECT_EQ(Reason(Grey(300, 200, [](int x, int) { return 120 + x % 8; })),
            "IMAGE_ONE_COLOUR");  // deviation 2.3
}

TEST(QualityTest, SmallIsSaidFirst) {
  const auto noise = [](int x, int y) { return (x * 7919 + y * 104729) % 256; };
  EXPECT_EQ(Reason(Grey(63, 200, noise)), "IMAGE_TOO_SMALL");
  EXPECT_EQ(Reason(Grey(64, 200, noise)), "");
}

TEST(QualityTest, AThumbnailIsJudgedLikeItsPhotograph) {
  // Squares of 32 pixels, then each of 8 x 8 pixels: shrunk by 8 the same.
  const auto square = [](int x, int y) {
    return 100 * ((x / 32 + y / 32) % 2);
  };
  const ImageQuality small = MeasureQuality(Grey(256, 256, square));
  const ImageQuality large = MeasureQuality(
      Grey(2048, 2048, [&](int x, int y) { return square(x / 8, y / 8); }));
  EXPECT_EQ(large.shorter_side, 2048);
  EXPECT_NEAR(large.contrast / small.contrast, 1, 0.05);
  // The triangle filter softens an edge a little.
  EXPECT_GT(large.sharpness, 0.2 * small.sharpness);
  EXPECT_LE(large.sharpness, small.sharpness);
}

TEST(QualityTest, MessagesHaveTheValueAndWhatIsRight) {
  const auto problem = FindQualityProblem({200, 50, 1.25});
  ASSERT_TRUE(problem.has_value());
  EXPECT_NE(problem->message.find("1.25"), std::string::npos);
  EXPECT_NE(problem->message.find("at least 4"), std::string::npos);
  EXPECT_FALSE(FindQualityProblem({64, 5, 4}).has_value());
}

}  // namespace
}  // namespace nevus
