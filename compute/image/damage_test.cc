// Damaged and hostile images: whatever the bytes, a clean refusal or the right
// pixels. The same properties are there for fuzz targets (decode_properties.h).

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/image/decode.h"
#include "compute/image/decode_properties.h"
#include "compute/image/test_images.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(DamageTest, AnImageCutAnywhereIsRefused) {
  for (const std::string& name : TestImageNames()) {
    SCOPED_TRACE(name);
    std::string whole = TestFile(name);
    // Bytes after the end are no part of it.
    if (const size_t tail = whole.find("SECRET tail"); tail != whole.npos) {
      whole.resize(tail);
    }
    ASSERT_THAT(CheckDecodeProperties(whole), IsOk());
    for (size_t length = 0; length < whole.size(); ++length) {
      // A copy of its own, so that AddressSanitizer sees a byte too far.
      const std::string cut(whole.data(), length);
      const absl::Status status = DecodeImage(cut).status();
      ASSERT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, ""))
          << "cut at " << length;
      ASSERT_EQ(ReasonOf(status),
                length == 0 ? "IMAGE_EMPTY" : "IMAGE_TRUNCATED")
          << "cut at " << length << ": " << status;
      ASSERT_THAT(CheckDecodeProperties(cut), IsOk()) << "cut at " << length;
    }
  }
}

TEST(DamageTest, ChangedBytesNeverBreakTheProperties) {
  int decoded = 0;
  for (const std::string& name : TestImageNames()) {
    const std::string whole = TestFile(name);
    for (unsigned seed = 0; seed < 400; ++seed) {
      SCOPED_TRACE(testing::Message() << name << ", seed " << seed);
      std::mt19937 random(seed);
      std::string damaged = whole;
      for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
        char& byte = damaged[random() % damaged.size()];
        // A bit, any byte, or a byte that begins a marker.
        const unsigned kind = random() % 3;
        byte = static_cast<char>(kind == 0   ? byte ^ 1 << random() % 8
                                 : kind == 1 ? random()
                                             : 0xFF);
      }
      ASSERT_THAT(CheckDecodeProperties(damaged), IsOk());
      decoded += DecodeImage(damaged).ok() ? 1 : 0;
    }
  }
  // JPEG has no checksum: both outcomes must be among what was tried.
  EXPECT_GT(decoded, 500);
  EXPECT_LT(decoded, 8000);
}

TEST(DamageTest, SplicedImagesNeverBreakTheProperties) {
  std::mt19937 random(20170101);
  const std::vector<std::string> names = TestImageNames();
  for (int round = 0; round < 3000; ++round) {
    const std::string& head = names[random() % names.size()];
    const std::string& tail = names[random() % names.size()];
    SCOPED_TRACE(testing::Message()
                 << "round " << round << ": " << head << " and " << tail);
    const std::string first = TestFile(head);
    const std::string second = TestFile(tail);
    ASSERT_THAT(CheckDecodeProperties(first.substr(0, random() % first.size()) +
                                      second.substr(random() % second.size())),
                IsOk());
  }
}

// PNG has checksums: what decodes after a change of its bytes is the same
// image.
TEST(DamageTest, NoBitOfAPngMayChangeUnnoticed) {
  const std::string whole = TestFile("rgb.png");
  const absl::StatusOr<Pixels> pixels = DecodeImage(whole);
  ASSERT_THAT(pixels, IsOk());
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    const absl::StatusOr<Pixels> other = DecodeImage(damaged);
    ASSERT_FALSE(other.ok()) << "bit " << bit;
  }
}

}  // namespace
}  // namespace nevus
