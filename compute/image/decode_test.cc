#include "compute/image/decode.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

// clang-format off
#include <jpeglib.h>
// clang-format on

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/image/test_images.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using absl::StatusCode;

std::string HeaderOf(const std::string& bytes) {
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(bytes, {});
  if (!header.ok()) return header.status().ToString();
  std::ostringstream out;
  out << (header->format == ImageFormat::kJpeg ? "JPEG " : "PNG ")
      << header->width << "x" << header->height;
  return out.str();
}

// A JPEG of `components` interleaved samples, in the given colour spaces, best
// quality. Written by libjpeg: an encoder is no part of what is tested.
std::string EncodeJpeg(const std::vector<uint8_t>& samples, int width,
                       int components, J_COLOR_SPACE from, J_COLOR_SPACE to,
                       bool adobe,
                       const std::vector<jpeg_scan_info>& scans = {}) {
  jpeg_compress_struct info = {};
  jpeg_error_mgr error;
  info.err = jpeg_std_error(&error);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &buffer, &size);
  info.image_width = width;
  info.image_height = samples.size() / components / width;
  info.input_components = components;
  info.in_color_space = from;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, to);
  jpeg_set_quality(&info, 100, TRUE);
  info.write_Adobe_marker = adobe ? TRUE : FALSE;
  if (!scans.empty()) {
    info.scan_info = scans.data();
    info.num_scans = static_cast<int>(scans.size());
  }
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < info.image_height) {
    JSAMPROW row = const_cast<uint8_t*>(samples.data()) +
                   info.next_scanline * width * components;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::string bytes(reinterpret_cast<char*>(buffer), size);
  std::free(buffer);
  return bytes;
}

// `value` repeated to 8x8 pixels.
std::vector<uint8_t> Flat(const std::vector<uint8_t>& value) {
  std::vector<uint8_t> samples;
  for (int i = 0; i < 64; ++i) {
    samples.insert(samples.end(), value.begin(), value.end());
  }
  return samples;
}

void ExpectFlat(const std::string& bytes, const std::vector<int>& rgb) {
  const absl::StatusOr<Pixels> pixels = DecodeImage(bytes);
  ASSERT_THAT(pixels, IsOk());
  for (size_t i = 0; i < pixels->rgb.size(); ++i) {
    ASSERT_NEAR(pixels->rgb[i], rgb[i % 3], 2) << "at byte " << i;
  }
}

TEST(DecodeImageTest, GivesThePixelsThatPillowGives) {
  std::istringstream lines(
      TestFile("pixels.txt"));  // testdata/make_testdata.py
  std::string name, hex;
  int width = 0, height = 0, count = 0;
  for (; lines >> name >> width >> height >> hex; ++count) {
    SCOPED_TRACE(name);
    const absl::StatusOr<Pixels> pixels = DecodeImage(TestFile(name));
    ASSERT_THAT(pixels, IsOk());
    EXPECT_EQ(pixels->width, width);
    EXPECT_EQ(pixels->height, height);
    EXPECT_EQ(pixels->rgb, FromHex(hex));
  }
  EXPECT_EQ(count, 22);
}

TEST(ReadImageHeaderTest, TellsFormatAndSizeAfterOrientation) {
  EXPECT_EQ(HeaderOf(TestFile("baseline.jpg")), "JPEG 19x11");
  EXPECT_EQ(HeaderOf(TestFile("orientation_8.jpg")), "JPEG 11x19");
  EXPECT_EQ(HeaderOf(TestFile("rgb.png")), "PNG 19x11");
  EXPECT_EQ(HeaderOf(TestFile("orientation_7.png")), "PNG 11x19");
  EXPECT_EQ(HeaderOf(TestFile("orientation_after_pixels.png")), "PNG 19x11");
}

// By hand: 255 * (1 - C) * (1 - K) with C = 51/255 = 0.2, M = 0.4, Y = 0.6 and
// K = 0.2 is 163.2, 122.4, 81.6. Adobe's files hold 255 less ink.
TEST(DecodeImageTest, MultipliesTheLightThatInksLetThrough) {
  ExpectFlat(EncodeJpeg(Flat({51, 102, 153, 51}), 8, 4, JCS_CMYK, JCS_CMYK,
                        /*adobe=*/false),
             {163, 122, 82});
  ExpectFlat(EncodeJpeg(Flat({204, 153, 102, 204}), 8, 4, JCS_CMYK, JCS_CMYK,
                        /*adobe=*/true),
             {163, 122, 82});
}

TEST(DecodeImageTest, ReadsYcckAsTheCmykThatItStandsFor) {
  ExpectFlat(EncodeJpeg(Flat({204, 153, 102, 204}), 8, 4, JCS_CMYK, JCS_YCCK,
                        /*adobe=*/true),
             {163, 122, 82});
}

TEST(DecodeImageTest, BelievesAdobeThatAJpegHoldsRgb) {
  ExpectFlat(EncodeJpeg(Flat({200, 120, 90}), 8, 3, JCS_RGB, JCS_RGB,
                        /*adobe=*/true),
             {200, 120, 90});
}

TEST(DecodeImageTest, RefusesWhatIsNoImageSayingWhatItLooksLike) {
  const struct {
    std::string bytes, reason, message;
  } cases[] = {
      {"", "IMAGE_EMPTY", "no bytes"},
      {"GIF89a...", "IMAGE_FORMAT_UNSUPPORTED", "a GIF; JPEG and PNG are read"},
      {"PK\x03\x04zip", "IMAGE_FORMAT_UNSUPPORTED", "a zip archive"},
      {"<!DOCTYPE html>", "IMAGE_FORMAT_UNSUPPORTED", "a web page"},
      {"image_id,melanoma\n", "IMAGE_FORMAT_UNSUPPORTED", "a text"},
      {"RIFF\1\2\3\4WEBPVP8", "IMAGE_FORMAT_UNSUPPORTED", "a WebP"},
      {std::string("\0\0\0\x18", 4) + "ftypheic", "IMAGE_FORMAT_UNSUPPORTED",
       "a HEIC"},
      {std::string(128, '\0') + "DICM", "IMAGE_FORMAT_UNSUPPORTED", "a DICOM"},
      {std::string(200, '\1'), "IMAGE_FORMAT_UNSUPPORTED", "not known"},
      {"\xFF", "IMAGE_TRUNCATED", "within the first eight bytes"},
      {"\x89PNG", "IMAGE_TRUNCATED", "within the first eight bytes"},
      {"\xFF\xD8", "IMAGE_TRUNCATED", "before their end marker"},
      {"\xFF\xD8 some hundred bytes of anything else", "IMAGE_CORRUPT",
       "belong to neither"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.bytes);
    for (const absl::Status& status : {DecodeImage(c.bytes).status(),
                                       ReadImageHeader(c.bytes, {}).status()}) {
      EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, c.message));
      EXPECT_EQ(ReasonOf(status), c.reason);
    }
  }
}

TEST(DecodeImageTest, RefusesRareKindsOfJpegByTheirFrameHeader) {
  const struct {
    char marker, bits, components;
    const char* message;
  } cases[] = {{'\xC9', 8, 3, "arithmetic"},
               {'\xC3', 8, 3, "lossless"},
               {'\xC1', 12, 3, "12 bits"},
               {'\xC0', 8, 2, "2 colours"}};
  for (const auto& c : cases) {
    std::string bytes = TestFile("baseline.jpg");
    const size_t frame = bytes.find("\xFF\xC0");
    ASSERT_NE(frame, std::string::npos);
    bytes[frame + 1] = c.marker;
    bytes[frame + 4] = c.bits;
    bytes[frame + 9] = c.components;
    const absl::Status status = DecodeImage(bytes).status();
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, c.message));
    EXPECT_EQ(ReasonOf(status), "IMAGE_FORMAT_UNSUPPORTED");
  }
}

TEST(DecodeImageTest, HoldsToTheLimitsAndNamesThem) {
  const std::string bytes = TestFile("rgb.png");  // 19x11 = 209 pixels
  DecodeLimits limits;
  limits.max_pixels = 209;
  limits.max_bytes = static_cast<int64_t>(bytes.size());
  EXPECT_THAT(DecodeImage(bytes, limits), IsOk());

  limits.max_pixels = 208;
  const absl::Status pixels = DecodeImage(bytes, limits).status();
  EXPECT_THAT(pixels, StatusIs(StatusCode::kInvalidArgument,
                               "19x11 = 209 pixels by its header; the most is "
                               "208"));
  EXPECT_EQ(ReasonOf(pixels), "IMAGE_TOO_LARGE");
  EXPECT_EQ(MetadataOf(pixels)["pixels"], "209");
  EXPECT_EQ(MetadataOf(pixels)["limit"], "208");

  limits.max_bytes -= 1;
  const absl::Status size = DecodeImage(bytes, limits).status();
  EXPECT_THAT(size, StatusIs(StatusCode::kInvalidArgument, "bytes; the most"));
  EXPECT_EQ(ReasonOf(size), "IMAGE_TOO_LARGE");
  EXPECT_EQ(MetadataOf(size)["limit"], std::to_string(limits.max_bytes));
}

TEST(DecodeImageTest, TakesNoMemoryForPixelsThatCannotBeInSoFewBytes) {
  std::string bytes = TestFile("baseline.jpg");
  const size_t frame = bytes.find("\xFF\xC0");
  // 9000x9000: within the limit, but 158 KB at one bit a block.
  bytes.replace(frame + 5, 4, "\x23\x28\x23\x28");
  const absl::Status status = ReadImageHeader(bytes, {}).status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument,
                               "9000x9000 pixels take at least 158203 bytes"));
  EXPECT_EQ(ReasonOf(status), "IMAGE_TRUNCATED");
}

TEST(DecodeImageTest, RefusesAJpegWithVeryManyScans) {
  // 64 scans: the mean of each block, then one coefficient each. One more
  // brings the last bit of the first coefficient.
  std::vector<jpeg_scan_info> scans = {{1, {0}, 0, 0, 0, 0}};
  for (int k = 1; k <= 63; ++k) scans.push_back({1, {0}, k, k, 0, 1});
  const std::string at_limit =
      EncodeJpeg(Flat({200}), 8, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, false, scans);
  EXPECT_THAT(DecodeImage(at_limit), IsOk());

  scans.push_back({1, {0}, 1, 1, 1, 0});
  const std::string beyond =
      EncodeJpeg(Flat({200}), 8, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, false, scans);
  EXPECT_THAT(DecodeImage(beyond), StatusIs(StatusCode::kInvalidArgument,
                                            "more than 64 JPEG scans"));
}

TEST(DecodeImageTest, ToleratesAFewStrayBytesBetweenJpegSegments) {
  const std::string bytes = TestFile("baseline.jpg");
  const absl::StatusOr<Pixels> pixels = DecodeImage(bytes);
  ASSERT_THAT(pixels, IsOk());
  const size_t tables = bytes.find("\xFF\xDB");
  for (size_t at : {tables, bytes.size() - 2}) {
    std::string few = bytes;
    few.insert(at, 3, '\x55');
    const absl::StatusOr<Pixels> same = DecodeImage(few);
    ASSERT_THAT(same, IsOk());
    EXPECT_EQ(same->rgb, pixels->rgb);

    std::string many = bytes;
    many.insert(at, 300, '\x55');
    EXPECT_THAT(DecodeImage(many),
                StatusIs(StatusCode::kInvalidArgument, "corrupt"));
  }
}

TEST(JpegReductionTest, IsTheLargestThatLeavesEnough) {
  EXPECT_EQ(JpegReduction(6000, 4000, 448), 8);  // 500
  EXPECT_EQ(JpegReduction(4000, 6000, 501), 4);
  EXPECT_EQ(JpegReduction(3577, 3577, 448), 8);  // 447.1: the last is partial
  EXPECT_EQ(JpegReduction(3576, 9999, 448), 4);
  EXPECT_EQ(JpegReduction(896, 896, 448), 2);
  EXPECT_EQ(JpegReduction(894, 894, 448), 1);
  EXPECT_EQ(JpegReduction(256, 256, 448), 1);
}

// A slope from left to right and another from top to bottom: at 1 / n a pixel
// is the mean of n x n, which for a slope is the value at their centre.
std::vector<uint8_t> Slopes(int width, int height) {
  std::vector<uint8_t> rgb;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int value : {16 + 2 * x, 16 + 3 * y, 128}) {
        rgb.push_back(static_cast<uint8_t>(value));
      }
    }
  }
  return rgb;
}

TEST(DecodeImageReducedTest, EachPixelIsTheMeanOfThoseItStandsFor) {
  constexpr int kWidth = 96, kHeight = 64;
  const std::string bytes = EncodeJpeg(Slopes(kWidth, kHeight), kWidth, 3,
                                       JCS_RGB, JCS_YCbCr, /*adobe=*/false);
  for (const int reduction : {1, 2, 4, 8}) {
    SCOPED_TRACE(reduction);
    const auto pixels = DecodeImageReduced(bytes, kHeight / reduction);
    ASSERT_THAT(pixels, IsOk());
    ASSERT_EQ(pixels->width, kWidth / reduction);
    ASSERT_EQ(pixels->height, kHeight / reduction);
    for (int y = 0; y < pixels->height; ++y) {
      for (int x = 0; x < pixels->width; ++x) {
        const uint8_t* rgb = &pixels->rgb[3 * (y * pixels->width + x)];
        const double centre = (reduction - 1) / 2.0;
        // The colours are sampled at half the size: a step of 2 to 3 levels.
        ASSERT_NEAR(rgb[0], 16 + 2 * (x * reduction + centre), 4);
        ASSERT_NEAR(rgb[1], 16 + 3 * (y * reduction + centre), 4);
      }
    }
  }
}

TEST(DecodeImageReducedTest, OrientationInksAndOddSidesStayRight) {
  // 19 x 11, with a shorter side of 11: at 1/4 it is 5 x 3.
  for (const char* name : {"baseline.jpg", "progressive.jpg", "grey.jpg",
                           "subsampled.jpg", "cmyk.jpg"}) {
    SCOPED_TRACE(name);
    const auto pixels = DecodeImageReduced(TestFile(name), 3);
    ASSERT_THAT(pixels, IsOk());
    EXPECT_EQ(pixels->width, 5);
    EXPECT_EQ(pixels->height, 3);
  }
  const auto turned = DecodeImageReduced(TestFile("orientation_8.jpg"), 3);
  ASSERT_THAT(turned, IsOk());
  EXPECT_EQ(turned->width, 3);
  EXPECT_EQ(turned->height, 5);
  // A PNG has no smaller sizes.
  EXPECT_EQ(DecodeImageReduced(TestFile("rgb.png"), 3)->width, 19);
}

TEST(DecodeImageReducedTest, ABrokenImageIsRefusedAlike) {
  const std::string bytes = TestFile("baseline.jpg");
  const std::string half = bytes.substr(0, bytes.size() * 3 / 4);
  EXPECT_EQ(ReasonOf(DecodeImageReduced(half, 1).status()),
            ReasonOf(DecodeImage(half).status()));
  EXPECT_EQ(ReasonOf(DecodeImageReduced(half, 1).status()), "IMAGE_TRUNCATED");
  DecodeLimits few;
  few.max_pixels = 100;
  EXPECT_EQ(ReasonOf(DecodeImageReduced(bytes, 1, few).status()),
            "IMAGE_TOO_LARGE");
}

}  // namespace
}  // namespace nevus
