// JPEG by libjpeg-turbo: baseline, extended and progressive, Huffman coded,
// 8 bit; grey, YCbCr, RGB, CMYK and YCCK.
#ifndef NEVUS_COMPUTE_IMAGE_JPEG_H_
#define NEVUS_COMPUTE_IMAGE_JPEG_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/image/stored_header.h"

namespace nevus {

inline constexpr std::string_view kJpegSignature("\xFF\xD8", 2);

// Both REQUIRE that `bytes` begins with kJpegSignature and fail as decode.h
// says.

// Allocates nothing.
absl::StatusOr<StoredHeader> ReadJpegHeader(std::string_view bytes);

// A side of `side` pixels, decoded at 1 / `reduction`. The last pixel may stand
// for fewer than `reduction` pixels of the original.
constexpr int ReducedSide(int side, int reduction) {
  return (side + reduction - 1) / reduction;
}

// Writes 3 * width * height bytes, R, G, B, as stored: not turned; width and
// height are ReducedSide of the header's. `header` is what ReadJpegHeader
// returned for `bytes`. `reduction` is 1, 2, 4 or 8: from 2 on libjpeg-turbo
// takes the lower frequencies of each block alone, a smaller inverse DCT.
absl::Status DecodeJpeg(std::string_view bytes, const StoredHeader& header,
                        int reduction, uint8_t* rgb);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_JPEG_H_
