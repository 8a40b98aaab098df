#include "base/packed_floats.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::string Pack(const std::vector<float>& values) {
  return PackFloats(values.data(), values.size());
}

std::vector<float> Unpack(const std::string& bytes, size_t count) {
  std::vector<float> values(count);
  EXPECT_TRUE(IsPacked(bytes, count));
  UnpackFloats(bytes, count, values.data());
  return values;
}

// In which -0 is not 0.
std::string Bits(const std::vector<float>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     4 * values.size());
}

// 1.5 is 0x3E00 as a half and 0x3FC00000 as a float (IEEE 754).
TEST(PackedFloatsTest, HalvesTakeTwoBytesAndOthersFour) {
  EXPECT_EQ(Pack({1.5f}), std::string("\2\0\x3E", 3));
  EXPECT_EQ(Pack({1.5f, 0.1f}).substr(0, 5), std::string("\1\0\0\xC0\x3F", 5));
  EXPECT_EQ(Pack({}), "\2");
}

TEST(PackedFloatsTest, ComeBackBitForBit) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  std::vector<float> many(2500, 0.25f);
  for (const std::vector<float>& values : std::vector<std::vector<float>>{
           {}, {-0.0f, 65504}, {65536}, {tiny, 1}, many}) {
    EXPECT_EQ(Bits(Unpack(Pack(values), values.size())), Bits(values));
  }
  many.back() = 0.1f;  // one that is no half, in the last block
  EXPECT_EQ(Unpack(Pack(many), many.size()), many);
  EXPECT_EQ(Pack(many).size(), 1 + 4 * many.size());
}

TEST(PackedFloatsTest, WrongLengthsAndUnknownCodesAreSeen) {
  EXPECT_FALSE(IsPacked("", 0));
  EXPECT_FALSE(IsPacked(std::string("\3\0\0", 3), 1));
  EXPECT_FALSE(IsPacked(Pack({1, 2}), 1));
  EXPECT_FALSE(IsPacked(Pack({0.1f}), 2));
}

}  // namespace
}  // namespace nevus
