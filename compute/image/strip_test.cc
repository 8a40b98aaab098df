#include "compute/image/strip.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compute/image/decode.h"
#include "compute/image/exif.h"
#include "compute/image/jpeg_segments.h"
#include "compute/image/png_chunks.h"
#include "compute/image/test_images.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using std::string_literals::operator""s;

std::string Stripped(const std::string& bytes) {
  const absl::StatusOr<std::string> stripped = StripMetadata(bytes);
  EXPECT_THAT(stripped, IsOk());
  return stripped.value_or("");
}

void ExpectSamePixels(const std::string& a, const std::string& b) {
  const absl::StatusOr<Pixels> pixels_a = DecodeImage(a);
  const absl::StatusOr<Pixels> pixels_b = DecodeImage(b);
  ASSERT_THAT(pixels_a, IsOk());
  ASSERT_THAT(pixels_b, IsOk());
  EXPECT_EQ(pixels_a->width, pixels_b->width);
  EXPECT_EQ(pixels_a->rgb, pixels_b->rgb);
}

std::vector<std::string> ChunkTypes(const std::string& png) {
  std::vector<std::string> types;
  PngChunks chunks(png);
  while (types.empty() || types.back() != "IEND") {
    const absl::StatusOr<PngChunk> chunk = chunks.Next();
    if (!chunk.ok()) return {chunk.status().ToString()};
    EXPECT_TRUE(chunk->ChecksumHolds()) << chunk->type;
    types.emplace_back(chunk->type);
  }
  return types;
}

// JFIF, ICC and the first bytes of what is left of EXIF.
std::vector<std::string> ApplicationSegments(const std::string& jpeg) {
  std::vector<std::string> starts;
  JpegSegments segments(jpeg);
  while (true) {
    const absl::StatusOr<JpegSegment> segment = segments.Next();
    EXPECT_THAT(segment, IsOk());
    if (!segment.ok() || segment->marker == jpeg::kSos) return starts;
    if (segment->marker >= jpeg::kApp0) {
      starts.emplace_back(segment->payload.substr(0, 4));
    }
  }
}

TEST(StripMetadataTest, KeepsThePixelsOfEveryTestImage) {
  for (const std::string& name : TestImageNames()) {
    SCOPED_TRACE(name);
    const std::string bytes = TestFile(name);
    ExpectSamePixels(Stripped(bytes), bytes);
    EXPECT_EQ(Stripped(Stripped(bytes)), Stripped(bytes));
  }
}

TEST(StripMetadataTest, TakesSecretsOutOfAJpegAndKeepsWhatColoursNeed) {
  const std::string bytes = TestFile("metadata.jpg");  // EXIF with GPS, comment
  ASSERT_THAT(bytes, HasSubstr("SECRET"));
  const std::string stripped = Stripped(bytes);
  EXPECT_THAT(stripped, Not(HasSubstr("SECRET")));
  EXPECT_THAT(ApplicationSegments(stripped),
              ElementsAre("JFIF", "Exif", "ICC_"));
  EXPECT_THAT(stripped, HasSubstr("Exif\0\0"s + OrientationOnlyTiff(6)));
}

TEST(StripMetadataTest, TakesSecretsOutOfAPngAndKeepsWhatColoursNeed) {
  const std::string bytes = TestFile("metadata.png");  // texts, XMP, EXIF
  ASSERT_THAT(bytes, HasSubstr("SECRET"));
  const std::string stripped = Stripped(bytes);
  EXPECT_THAT(stripped, Not(HasSubstr("SECRET")));
  EXPECT_THAT(ChunkTypes(stripped),
              ElementsAre("IHDR", "iCCP", "pHYs", "eXIf", "IDAT", "IEND"));
  EXPECT_THAT(stripped, HasSubstr(OrientationOnlyTiff(6)));
}

TEST(StripMetadataTest, LeavesNoExifWhereTheImageIsUpright) {
  std::string bytes = TestFile("orientation_8.jpg");
  const size_t exif = bytes.find("Exif\0\0"s);
  ASSERT_NE(exif, std::string::npos);
  bytes[exif + 6 + 19] = 1;
  EXPECT_THAT(Stripped(bytes), Not(HasSubstr("Exif")));
}

TEST(StripMetadataTest, TakesTheThumbnailOutOfJfif) {
  std::string bytes = TestFile("baseline.jpg");
  // Of 2x1 pixels, six bytes.
  bytes.replace(4, 2, "\0\x16"s);
  bytes.replace(18, 2, "\x02\x01");
  bytes.insert(20, "SECRET");
  EXPECT_EQ(Stripped(bytes), Stripped(TestFile("baseline.jpg")));
}

TEST(StripMetadataTest, TakesSegmentsOutBetweenScansToo) {
  std::string bytes = TestFile("progressive.jpg");
  const std::string clean = Stripped(bytes);
  const size_t second_scan = bytes.find("\xFF\xDA", bytes.find("\xFF\xDA") + 2);
  ASSERT_NE(second_scan, std::string::npos);
  bytes.insert(second_scan, "\xFF\xE7\0\x08SECRET\xFF\xFE\0\x08SECRET"s);
  ExpectSamePixels(bytes, clean);
  EXPECT_THAT(Stripped(bytes), Not(HasSubstr("SECRET")));
  ExpectSamePixels(Stripped(bytes), clean);
}

TEST(StripMetadataTest, RefusesWhatItCannotFollowToTheEnd) {
  EXPECT_THAT(StripMetadata("GIF89a"),
              StatusIs(StatusCode::kInvalidArgument, "a GIF"));
  for (const char* name : {"baseline.jpg", "rgb.png"}) {
    const std::string bytes = TestFile(name);
    EXPECT_THAT(StripMetadata(bytes.substr(0, bytes.size() - 1)),
                StatusIs(StatusCode::kInvalidArgument, "truncated"));
  }
}

}  // namespace
}  // namespace nevus
