// Pixels to a PNG file: for pictures that we draw, such as heat maps. Nothing
// that a feature is made of passes through it.
#ifndef NEVUS_COMPUTE_IMAGE_ENCODE_PNG_H_
#define NEVUS_COMPUTE_IMAGE_ENCODE_PNG_H_

#include <string>

#include "absl/status/statusor.h"
#include "compute/image/pixels.h"

namespace nevus {

// RGB, 8 bit, without text or time: the same pixels give the same bytes.
// INTERNAL, with libpng's message, if it fails, for instance for lack of
// memory. REQUIRES: `pixels` is not empty.
absl::StatusOr<std::string> EncodePng(const Pixels& pixels);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_ENCODE_PNG_H_
