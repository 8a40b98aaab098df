#include "compute/image/decode.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/image/image_error.h"
#include "compute/image/jpeg.h"
#include "compute/image/orient.h"
#include "compute/image/png.h"
#include "compute/image/stored_header.h"

namespace nevus {
namespace {

// No image has so long a side that it could be reduced.
constexpr int kWhole = std::numeric_limits<int>::max();

struct Checked {
  ImageFormat format = ImageFormat::kJpeg;
  StoredHeader header;
};

// Everything that can be refused before memory is taken.
absl::StatusOr<Checked> Check(std::string_view bytes,
                              const DecodeLimits& limits) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > limits.max_bytes) return ImageTooManyBytes(size, limits.max_bytes);
  Checked checked;
  ASSIGN_OR_RETURN(checked.format, IdentifyImage(bytes));
  ASSIGN_OR_RETURN(checked.header, checked.format == ImageFormat::kJpeg
                                       ? ReadJpegHeader(bytes)
                                       : ReadPngHeader(bytes));
  const StoredHeader& header = checked.header;
  if (int64_t{header.width} * header.height > limits.max_pixels) {
    return ImageTooManyPixels(header.width, header.height, limits.max_pixels);
  }
  if (size < header.least_bytes) {
    return ImageTruncated(
        absl::StrCat(header.width, "x", header.height, " pixels take at least ",
                     header.least_bytes, " bytes and there are ", size));
  }
  return checked;
}

}  // namespace

absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes,
                                            const DecodeLimits& limits) {
  ASSIGN_OR_RETURN(const Checked checked, Check(bytes, limits));
  ImageHeader header;
  header.format = checked.format;
  header.width = checked.header.width;
  header.height = checked.header.height;
  if (SwapsSides(checked.header.orientation)) {
    std::swap(header.width, header.height);
  }
  return header;
}

absl::StatusOr<Pixels> DecodeImage(std::string_view bytes,
                                   const DecodeLimits& limits) {
  return DecodeImageReduced(bytes, kWhole, limits);
}

absl::StatusOr<Pixels> DecodeImageReduced(std::string_view bytes,
                                          int least_side,
                                          const DecodeLimits& limits) {
  ASSIGN_OR_RETURN(const Checked checked, Check(bytes, limits));
  const StoredHeader& header = checked.header;
  const bool jpeg = checked.format == ImageFormat::kJpeg;
  // Turning an image does not change which side is the shorter one.
  const int reduction =
      jpeg ? JpegReduction(header.width, header.height, least_side) : 1;
  Pixels pixels;
  pixels.width = ReducedSide(header.width, reduction);
  pixels.height = ReducedSide(header.height, reduction);
  pixels.rgb.resize(size_t{3} * pixels.width * pixels.height);
  RETURN_IF_ERROR(jpeg ? DecodeJpeg(bytes, header, reduction, pixels.rgb.data())
                       : DecodePng(bytes, header, pixels.rgb.data()));
  return Upright(std::move(pixels), header.orientation);
}

int JpegReduction(int width, int height, int least_side) {
  const int shorter = std::min(width, height);
  for (const int reduction : {8, 4, 2}) {
    if (ReducedSide(shorter, reduction) >= least_side) return reduction;
  }
  return 1;
}

}  // namespace nevus
