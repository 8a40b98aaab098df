#include "compute/image/orient.h"

#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// "abc/def" is three pixels wide and two high; a letter is a grey.
Pixels FromLetters(const std::string& text) {
  Pixels pixels;
  pixels.width = static_cast<int>(text.find('/'));
  for (char c : text) {
    if (c != '/')
      pixels.rgb.insert(pixels.rgb.end(), {uint8_t(c), 0, uint8_t(c)});
  }
  pixels.height = static_cast<int>(pixels.rgb.size()) / 3 / pixels.width;
  return pixels;
}

std::string ToLetters(const Pixels& pixels) {
  std::string text;
  for (int y = 0; y < pixels.height; ++y) {
    if (y > 0) text += '/';
    for (int x = 0; x < pixels.width; ++x) {
      text += static_cast<char>(pixels.rgb[3 * (y * pixels.width + x)]);
    }
  }
  return text;
}

// EXIF 2.32, 4.6.4: where the stored row 0 and column 0 are when looked at.
TEST(UprightTest, PutsRowAndColumnZeroWhereExifSays) {
  const char* const expected[] = {
      "abc/def",   // 1: top, left
      "cba/fed",   // 2: top, right
      "fed/cba",   // 3: bottom, right
      "def/abc",   // 4: bottom, left
      "ad/be/cf",  // 5: left, top
      "da/eb/fc",  // 6: right, top
      "fc/eb/da",  // 7: right, bottom
      "cf/be/ad",  // 8: left, bottom
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(ToLetters(Upright(FromLetters("abc/def"), orientation)),
              expected[orientation - 1])
        << orientation;
  }
}

}  // namespace
}  // namespace nevus
