// PNG by libpng: all colour types and depths, palettes, interlaced.
#ifndef NEVUS_COMPUTE_IMAGE_PNG_H_
#define NEVUS_COMPUTE_IMAGE_PNG_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/image/stored_header.h"

namespace nevus {

// Both REQUIRE that `bytes` begins with kPngSignature and fail as decode.h
// says.

// Allocates nothing.
absl::StatusOr<StoredHeader> ReadPngHeader(std::string_view bytes);

// Writes 3 * width * height bytes, R, G, B, as stored: not turned. `header` is
// what ReadPngHeader returned for `bytes`.
absl::Status DecodePng(std::string_view bytes, const StoredHeader& header,
                       uint8_t* rgb);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_PNG_H_
