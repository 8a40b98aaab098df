#include "compute/image/golden_images.h"

#include <jpeglib.h>
#include <png.h>

#include <cstdint>
#include <cstdio>  // before jpeglib.h, which needs FILE
#include <cstdlib>
#include <cstring>

namespace nevus {
namespace {

// A dark blot with an uneven border on a ground with some texture. In whole
// numbers, so that every machine makes the same.
std::vector<uint8_t> Blot(int width, int height, int tone) {
  std::vector<uint8_t> rgb;
  rgb.reserve(size_t{3} * width * height);
  uint32_t noise = 12345u + static_cast<uint32_t>(tone);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      noise = noise * 1664525u + 1013904223u;
      const int dx = 4 * x - 2 * width;
      const int dy = 5 * y - 2 * height;
      const int border = width * width + (x * y * 37) % (width * height);
      const int grain = static_cast<int>(noise >> 28);
      const int base = dx * dx + dy * dy < border ? tone : 200;
      rgb.push_back(static_cast<uint8_t>(base + grain));
      rgb.push_back(static_cast<uint8_t>(base * 3 / 4 + grain));
      rgb.push_back(static_cast<uint8_t>(base * 5 / 8 + x % 16));
    }
  }
  return rgb;
}

std::string EncodePng(const std::vector<uint8_t>& rgb, int width, int height) {
  png_image image;
  std::memset(&image, 0, sizeof(image));
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, rgb.data(), 0,
                                 nullptr)) {
    return "";
  }
  bytes.resize(size);
  return bytes;
}

std::string EncodeJpeg(std::vector<uint8_t> rgb, int width, int height) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  // The default handler exits: only memory can run out here.
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&jpeg, &bytes, &size);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);  // halves the colours' resolution
  jpeg_set_quality(&jpeg, 85, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = &rgb[size_t{3} * width * y];
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::string result(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return result;
}

}  // namespace

std::vector<std::string> GoldenImages() {
  return {EncodeJpeg(Blot(53, 41, 70), 53, 41),
          EncodePng(Blot(37, 45, 110), 37, 45)};
}

}  // namespace nevus
