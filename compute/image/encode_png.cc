#include "compute/image/encode_png.h"

#include <png.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace nevus {

absl::StatusOr<std::string> EncodePng(const Pixels& pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(pixels.width);
  image.height = static_cast<png_uint_32>(pixels.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(&image, bytes.data(), &size,
                                /*convert_to_8_bit=*/0, pixels.rgb.data(),
                                /*row_stride=*/0, /*colormap=*/nullptr) == 0) {
    return absl::InternalError(
        absl::StrCat("libpng could not write a picture of ", pixels.width,
                     " x ", pixels.height, " pixels: ", image.message));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace nevus
