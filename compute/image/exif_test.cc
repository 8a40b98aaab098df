#include "compute/image/exif.h"

#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

using std::string_literals::operator""s;

// By hand from TIFF 6.0: byte order, 42, directory at 8, one entry.
const std::string kMotorola =
    "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"s;
const std::string kIntel =
    "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"s;

TEST(ReadOrientationTest, ReadsBothByteOrders) {
  EXPECT_EQ(ReadOrientation(kMotorola), 6);
  EXPECT_EQ(ReadOrientation(kIntel), 6);
}

TEST(ReadOrientationTest, FindsItBehindOtherEntries) {
  EXPECT_EQ(ReadOrientation("MM\0*\0\0\0\x0A??\0\x02"
                            "\x01\x0F\0\x02\0\0\0\x01"
                            "A\0\0\0"
                            "\x01\x12\0\x03\0\0\0\x01\0\x03\0\0"s),
            3);
}

TEST(ReadOrientationTest, TakesNonsenseForUpright) {
  for (char value : {0, 9, 99}) {
    std::string tiff = kMotorola;
    tiff[19] = value;
    EXPECT_EQ(ReadOrientation(tiff), 1) << int{value};
  }
  EXPECT_EQ(ReadOrientation(""), 1);
  EXPECT_EQ(ReadOrientation("not a TIFF block at all"), 1);
  std::string far_away = kMotorola;  // the directory, at 4 GB
  far_away.replace(4, 4, "\xFF\xFF\xFF\xFF");
  EXPECT_EQ(ReadOrientation(far_away), 1);
  std::string many = kMotorola;  // 65535 entries, none of them it
  many.replace(8, 4, "\xFF\xFF\0\0"s);
  EXPECT_EQ(ReadOrientation(many), 1);
}

TEST(ReadOrientationTest, ReadsNothingOutsideABlockCutAnywhere) {
  for (const std::string& tiff : {kMotorola, kIntel}) {
    for (size_t length = 0; length < tiff.size(); ++length) {
      // Of its own, so that AddressSanitizer sees a byte too far.
      const std::string cut(tiff.data(), length);
      const int orientation = ReadOrientation(cut);
      EXPECT_TRUE(orientation == 1 || length >= 20) << length;
    }
  }
}

TEST(OrientationOnlyTiffTest, IsReadBackAsItself) {
  EXPECT_EQ(OrientationOnlyTiff(6), kMotorola);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    EXPECT_EQ(ReadOrientation(OrientationOnlyTiff(orientation)), orientation);
  }
}

}  // namespace
}  // namespace nevus
