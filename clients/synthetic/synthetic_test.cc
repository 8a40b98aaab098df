#include "clients/synthetic/synthetic.h"

// jpeglib.h needs size_t and FILE before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

struct Pixels {
  int width = 0, height = 0;
  std::vector<unsigned char> rgb;
};

Pixels Decode(const std::string& bytes) {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&jpeg);
  jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()),
               bytes.size());
  jpeg_read_header(&jpeg, TRUE);
  jpeg_start_decompress(&jpeg);
  Pixels pixels;
  pixels.width = static_cast<int>(jpeg.output_width);
  pixels.height = static_cast<int>(jpeg.output_height);
  pixels.rgb.resize(static_cast<size_t>(pixels.width) * pixels.height * 3);
  while (jpeg.output_scanline < jpeg.output_height) {
    JSAMPROW row[] = {&pixels.rgb[jpeg.output_scanline * pixels.width * 3]};
    jpeg_read_scanlines(&jpeg, row, 1);
  }
  jpeg_finish_decompress(&jpeg);
  jpeg_destroy_decompress(&jpeg);
  return pixels;
}

// Pixels that are bluer than skin or plain pigment ever is: veil and blue-grey.
double BluishShare(const Pixels& pixels) {
  int bluish = 0;
  for (size_t i = 0; i < pixels.rgb.size(); i += 3) {
    bluish += pixels.rgb[i + 2] > pixels.rgb[i] && pixels.rgb[i] > 60;
  }
  return 3.0 * bluish / static_cast<double>(pixels.rgb.size());
}

TEST(SyntheticTest, TheSameArgumentsGiveTheSameBytes) {
  const SyntheticImage a = Generate(7, 3, 96), b = Generate(7, 3, 96);
  EXPECT_EQ(a.jpeg, b.jpeg);
  EXPECT_EQ(a.name, "synthetic_00004");
  EXPECT_NE(Generate(8, 3, 96).jpeg, a.jpeg);
  EXPECT_NE(Generate(7, 4, 96).jpeg, a.jpeg);
}

TEST(SyntheticTest, TheFileIsAJpegOfTheSizeThatSaysSynthetic) {
  for (int size : {32, 100, 256}) {
    const SyntheticImage image = Generate(1, 0, size);
    const Pixels pixels = Decode(image.jpeg);
    EXPECT_EQ(pixels.width, size);
    EXPECT_EQ(pixels.height, size);
    EXPECT_NE(image.jpeg.find("SYNTHETIC"), std::string::npos);
  }
}

TEST(SyntheticTest, TwoOfFiveAreMelanomas) {
  int melanomas = 0;
  for (int i = 0; i < 50; ++i)
    melanomas += Generate(1, i, 32).label == "melanoma";
  EXPECT_EQ(melanomas, 20);
}

TEST(SyntheticTest, ClassesDifferOnAverageAndOverlap) {
  double asymmetry[2] = {0, 0}, bluish[2] = {0, 0};
  int counts[2] = {0, 0};
  double least_malignant = 1, most_benign = 0;
  for (int i = 0; i < 200; ++i) {
    const SyntheticImage image = Generate(11, i, 64);
    const int melanoma = image.label == "melanoma";
    ++counts[melanoma];
    asymmetry[melanoma] += image.traits.asymmetry;
    bluish[melanoma] += BluishShare(Decode(image.jpeg));
    double& extreme = melanoma ? least_malignant : most_benign;
    extreme = melanoma ? std::min(extreme, image.traits.asymmetry)
                       : std::max(extreme, image.traits.asymmetry);
  }
  EXPECT_GT(asymmetry[1] / counts[1], asymmetry[0] / counts[0] + 0.2);
  EXPECT_GT(bluish[1] / counts[1], 1.5 * bluish[0] / counts[0]);
  EXPECT_LT(least_malignant, most_benign);
}

}  // namespace
}  // namespace nevus
