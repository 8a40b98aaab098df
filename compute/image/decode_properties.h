// What must hold for whatever bytes are given to the decoder and the stripper:
// shared by the tests here and by fuzz targets (tests/fuzz).
#ifndef NEVUS_COMPUTE_IMAGE_DECODE_PROPERTIES_H_
#define NEVUS_COMPUTE_IMAGE_DECODE_PROPERTIES_H_

#include <string_view>

#include "absl/status/status.h"

namespace nevus {

// INTERNAL, saying which property is broken, unless all of these hold:
// * what decodes has the size that its header says, and strips;
// * stripped, it decodes to the same pixels;
// * stripping twice gives what stripping once does;
// * what is refused is refused with INVALID_ARGUMENT and a reason.
// Images of more than a million pixels only have their header read, so that a
// fuzzer stays fast. Thread-safe.
absl::Status CheckDecodeProperties(std::string_view bytes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_DECODE_PROPERTIES_H_
