#include "compute/image/encode_png.h"

#include <cstdint>

#include "base/status_matchers.h"
#include "compute/image/decode.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(EncodePngTest, WhatIsWrittenIsReadBackByTheDecoder) {
  for (const auto& [width, height] : {std::pair(1, 1), std::pair(37, 5)}) {
    Pixels pixels{width, height, {}};
    for (int i = 0; i < 3 * width * height; ++i) {
      pixels.rgb.push_back(static_cast<uint8_t>(i * 89));
    }
    const auto bytes = EncodePng(pixels);
    ASSERT_THAT(bytes, IsOk());
    const auto back = DecodeImage(*bytes);
    ASSERT_THAT(back, IsOk());
    EXPECT_EQ(back->width, width);
    EXPECT_EQ(back->height, height);
    EXPECT_EQ(back->rgb, pixels.rgb);
    EXPECT_EQ(EncodePng(pixels).value(), *bytes);
  }
}

}  // namespace
}  // namespace nevus
