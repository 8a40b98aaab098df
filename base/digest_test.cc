#include "base/digest.h"

#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// FIPS 180-2, appendix B, and the empty string (`sha256sum </dev/null`).
TEST(DigestTest, AgreesWithTheStandardsExamples) {
  EXPECT_EQ(Sha256Hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(DigestTest, StreamedEqualsWhole) {
  Sha256 streamed;
  streamed.Update("a");
  streamed.Update("bc");
  EXPECT_EQ(streamed.Hex(), Sha256Hex("abc"));
}

TEST(DigestTest, FieldsDoNotRunIntoEachOther) {
  Sha256 first;
  first.UpdateField("ab");
  first.UpdateField("c");
  Sha256 second;
  second.UpdateField("a");
  second.UpdateField("bc");
  EXPECT_NE(first.Hex(), second.Hex());
}

// The first eight bytes of SHA-256("abc"), little endian.
TEST(DigestTest, ChecksumIsTheBeginningOfTheHash) {
  EXPECT_EQ(Checksum64("abc"), 0xeacf018fbf1678baULL);
}

TEST(DigestTest, OnlyLowerCaseHexOfTheRightLengthIsADigest) {
  EXPECT_TRUE(IsSha256Hex(Sha256Hex("x")));
  EXPECT_FALSE(IsSha256Hex(""));
  EXPECT_FALSE(IsSha256Hex(std::string(63, 'a')));
  EXPECT_FALSE(IsSha256Hex(std::string(64, 'A')));
}

TEST(DigestTest, RandomHexHasTheLengthAskedForAndDiffers) {
  EXPECT_EQ(RandomHex(8).size(), 16u);
  EXPECT_NE(RandomHex(16), RandomHex(16));
}

// RFC 1321, A.5.
TEST(Md5HexTest, GivesTheSumsOfTheStandard) {
  EXPECT_EQ(Md5Hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(Md5Hex("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
}

}  // namespace
}  // namespace nevus
