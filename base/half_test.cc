#include "base/half.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// From IEEE 754-2008, table 3.5, by hand: 5 bits of exponent, bias 15, 10 of
// fraction.
TEST(HalfTest, BitsAreThoseOfTheStandard) {
  const struct {
    float value;
    uint16_t bits;
  } cases[] = {
      {0.0f, 0x0000},
      {-0.0f, 0x8000},
      {1.0f, 0x3C00},
      {-2.0f, 0xC000},
      {0.333251953125f, 0x3555},
      {65504.0f, 0x7BFF},
      {0x1p-14f, 0x0400},
      {0x1p-24f, 0x0001},
      {1023 * 0x1p-24f, 0x03FF},
      {std::numeric_limits<float>::infinity(), 0x7C00},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(HalfBits(c.value), c.bits) << c.value;
    EXPECT_EQ(FromHalfBits(c.bits), c.value);
  }
  EXPECT_TRUE(std::signbit(FromHalfBits(0x8000)));
  EXPECT_TRUE(std::isnan(FromHalfBits(HalfBits(std::nanf("")))));
}

TEST(HalfTest, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(HalfBits(1 + 0x1p-11f), 0x3C00);      // a tie: down to even
  EXPECT_EQ(HalfBits(1 + 3 * 0x1p-11f), 0x3C02);  // a tie: up to even
  EXPECT_EQ(HalfBits(1 + 0x1p-11f + 0x1p-20f), 0x3C01);
  EXPECT_EQ(HalfBits(0x1p-25f), 0x0000);  // a tie between 0 and 2^-24
  EXPECT_EQ(HalfBits(0x1.8p-25f), 0x0001);
  EXPECT_EQ(HalfBits(0x1p-26f), 0x0000);
  EXPECT_EQ(HalfBits(65519.0f), 0x7BFF);
  EXPECT_EQ(HalfBits(65520.0f), 0x7C00);  // half a step above the largest
}

TEST(HalfTest, EveryHalfComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromHalfBits(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    ASSERT_EQ(HalfBits(value), bits);
  }
}

// The processor's instructions against the plain code, at sizes around a
// register's width and over all magnitudes.
TEST(HalfTest, ManyAtOnceAreTheSameBits) {
  std::mt19937 random(20240229);
  for (const size_t count : {0, 1, 7, 8, 9, 31, 25088}) {
    SCOPED_TRACE(count);
    std::vector<float> values(count);
    for (float& value : values) {
      // Exponents 2^-30 to 2^17: below, within and above a half's range.
      const int exponent = static_cast<int>(random() % 48) - 30;
      value =
          std::ldexp(1 + static_cast<float>(random() % 8192) / 8192, exponent) *
          (random() % 2 == 0 ? 1 : -1);
    }
    std::vector<uint16_t> bits(count);
    ToHalves(values.data(), count, bits.data());
    std::vector<float> back(count);
    FromHalves(bits.data(), count, back.data());
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(bits[i], HalfBits(values[i])) << values[i];
      ASSERT_EQ(back[i], FromHalfBits(bits[i]));
    }
  }
}

}  // namespace
}  // namespace nevus
