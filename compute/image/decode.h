// From an image's bytes to its pixels: the one decoder of ingestion, extraction
// and serving, so that an image means the same numbers everywhere.
//
// JPEG and PNG, told apart by content, never by name. Everything comes out as
// RGB, 8 bit, upright: docs/images.md says how grey, CMYK, alpha, 16 bit and
// the EXIF orientation become that. Whole images only: one that is truncated or
// corrupt is refused, never half decoded. Knows no network and no storage.
#ifndef NEVUS_COMPUTE_IMAGE_DECODE_H_
#define NEVUS_COMPUTE_IMAGE_DECODE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "compute/image/image_format.h"
#include "compute/image/pixels.h"

namespace nevus {

// What may be asked of the decoder; checked from the header, before memory is
// taken.
struct DecodeLimits {
  // Width times height. Three bytes each for the result; a progressive JPEG
  // takes up to six more (eight if CMYK), an alpha channel four.
  int64_t max_pixels = 100'000'000;
  // Of the encoded image.
  int64_t max_bytes = 64 << 20;
};

// Width and height are those of the decoded pixels: after orientation.
struct ImageHeader {
  ImageFormat format = ImageFormat::kJpeg;
  int width = 0;
  int height = 0;
};

// All are thread-safe, take the whole file in `bytes`, and fail with
// INVALID_ARGUMENT and one of these reasons:
// * IMAGE_EMPTY: no bytes.
// * IMAGE_TOO_LARGE: more bytes or pixels than the limit; the metadata hold
//   {"bytes" or "pixels", "limit"}.
// * IMAGE_FORMAT_UNSUPPORTED: neither JPEG nor PNG, or a rare kind of JPEG
//   (arithmetic, lossless, 12 bit) that says so.
// * IMAGE_TRUNCATED: begins well and ends early.
// * IMAGE_CORRUPT: contradicts its own format or checksum.
// Decoding fails with RESOURCE_EXHAUSTED if the codec cannot get memory.

// Reads the header alone: allocates nothing that grows with the image. What
// comes after the header may still be broken.
absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes,
                                            const DecodeLimits& limits);

// The same bytes always give the same pixels.
absl::StatusOr<Pixels> DecodeImage(std::string_view bytes,
                                   const DecodeLimits& limits = {});

// The same, for one who will scale the image down: a JPEG comes at 1/8, 1/4 or
// 1/2 of its size, the smallest that leaves at least `least_side` pixels to
// both sides, else whole; a PNG comes whole. Several times faster for a large
// photograph (docs/images.md). What is wrong with the image is found alike.
absl::StatusOr<Pixels> DecodeImageReduced(std::string_view bytes,
                                          int least_side,
                                          const DecodeLimits& limits = {});

// By how much DecodeImageReduced reduces a JPEG of this size: 1, 2, 4 or 8.
int JpegReduction(int width, int height, int least_side);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_DECODE_H_
