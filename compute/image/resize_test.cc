#include "compute/image/resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "compute/image/test_images.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

Pixels RandomPixels(int width, int height) {
  std::mt19937 random(static_cast<unsigned>(width * 10007 + height));
  Pixels pixels{width, height, std::vector<uint8_t>(3 * width * height)};
  for (uint8_t& value : pixels.rgb) value = static_cast<uint8_t>(random());
  return pixels;
}

std::vector<float> Resized(const Pixels& pixels, int width, int height) {
  std::vector<float> out(size_t{3} * width * height);
  Resize(pixels, width, height, out.data());
  return out;
}

// The formula of resize.h, letter by letter: all weights of one side.
std::vector<std::vector<double>> ReferenceWeights(int n, int m) {
  const double s = double(n) / m;
  const double r = std::max(s, 1.0);
  std::vector<std::vector<double>> weights(m, std::vector<double>(n));
  for (int i = 0; i < m; ++i) {
    double sum = 0;
    for (int j = 0; j < n; ++j) {
      weights[i][j] = std::max(0.0, 1 - std::abs(j + 0.5 - (i + 0.5) * s) / r);
      sum += weights[i][j];
    }
    for (double& weight : weights[i]) weight /= sum;
  }
  return weights;
}

std::vector<double> ReferenceResize(const Pixels& pixels, int width,
                                    int height) {
  const auto columns = ReferenceWeights(pixels.width, width);
  const auto rows = ReferenceWeights(pixels.height, height);
  std::vector<double> mixed(3 * pixels.width);
  std::vector<double> out;
  for (int y = 0; y < height; ++y) {
    std::fill(mixed.begin(), mixed.end(), 0);
    for (int j = 0; j < pixels.height; ++j) {
      for (size_t i = 0; i < mixed.size(); ++i) {
        mixed[i] += rows[y][j] * pixels.rgb[j * mixed.size() + i];
      }
    }
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        double sum = 0;
        for (int j = 0; j < pixels.width; ++j) {
          sum += columns[x][j] * mixed[3 * j + c];
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

// How far float may be from double: each of the two sums of at most `taps`
// non-negative terms is off by one rounding of weight, product and addition a
// term, 2^-24 each, relative to at most 255.
double Tolerance(const Pixels& pixels, int width, int height) {
  const auto taps = [](int n, int m) {
    return 2 * std::max(1.0, double(n) / m) + 1;
  };
  return 255 * std::ldexp(1.0, -24) *
         (taps(pixels.width, width) + taps(pixels.height, height) + 4);
}

TEST(ResizeTest, AgreesWithTheFormulaAtManySizes) {
  const struct {
    int width, height, new_width, new_height;
  } cases[] = {{1, 1, 1, 1},         {1, 1, 224, 224},   {1, 1, 3, 1},
               {2, 2, 1, 1},         {2, 1, 5, 7},       {3, 5, 2, 4},
               {7, 11, 13, 17},      {13, 17, 7, 11},    {97, 89, 53, 101},
               {2000, 3, 7, 5},      {3, 2000, 5, 7},    {2000, 3, 224, 224},
               {64, 64, 64, 64},     {65, 63, 64, 64},   {256, 256, 224, 224},
               {200, 150, 224, 224}, {299, 31, 10, 299}, {31, 33, 1, 1},
               {1, 50, 1, 49},       {50, 1, 49, 1},     {5, 4, 4, 5}};
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << c.width << "x" << c.height << " to "
                                    << c.new_width << "x" << c.new_height);
    const Pixels pixels = RandomPixels(c.width, c.height);
    const std::vector<float> out = Resized(pixels, c.new_width, c.new_height);
    const std::vector<double> expected =
        ReferenceResize(pixels, c.new_width, c.new_height);
    const double tolerance = Tolerance(pixels, c.new_width, c.new_height);
    ASSERT_EQ(out.size(), expected.size());
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_NEAR(out[i], expected[i], tolerance) << "at " << i;
    }
  }
}

// Pillow rounds to whole levels twice, so half a level each time at most.
TEST(ResizeTest, AgreesWithPillowWithinItsRounding) {
  // testdata/make_testdata.py
  std::istringstream lines(TestFile("resize_pillow.txt"));
  Pixels pixels;
  std::string from, to;
  int width = 0, height = 0, count = 0;
  for (;
       lines >> pixels.width >> pixels.height >> from >> width >> height >> to;
       ++count) {
    SCOPED_TRACE(testing::Message() << pixels.width << "x" << pixels.height
                                    << " to " << width << "x" << height);
    pixels.rgb = FromHex(from);
    const std::vector<uint8_t> expected = FromHex(to);
    const std::vector<float> out = Resized(pixels, width, height);
    ASSERT_EQ(out.size(), expected.size());
    for (size_t i = 0; i < out.size(); ++i) {
      ASSERT_NEAR(out[i], expected[i], 1.01) << "at " << i;
    }
  }
  EXPECT_EQ(count, 8);
}

TEST(ResizeTest, KeepsEveryValueAtTheSameSize) {
  const Pixels pixels = RandomPixels(33, 21);
  EXPECT_EQ(Resized(pixels, 33, 21),
            std::vector<float>(pixels.rgb.begin(), pixels.rgb.end()));
}

TEST(ResizeTest, WritesNothingBehindTheLastPixel) {
  const Pixels pixels = RandomPixels(9, 9);
  std::vector<float> out(3 * 5 * 4 + 1, -7.0f);
  Resize(pixels, 5, 4, out.data());
  EXPECT_EQ(out.back(), -7.0f);
  EXPECT_EQ(std::count(out.begin(), out.end(), -7.0f), 1);
}

TEST(RowResizerTest, GivesRowsInAnyOrder) {
  const Pixels pixels = RandomPixels(20, 30);
  const std::vector<float> whole = Resized(pixels, 7, 8);
  RowResizer resizer(pixels, 7, 8);
  std::vector<float> row(3 * 7);
  for (int y = 7; y >= 0; --y) {
    resizer.Row(y, row.data());
    EXPECT_TRUE(std::equal(row.begin(), row.end(), whole.begin() + 21 * y));
  }
}

}  // namespace
}  // namespace nevus
