// Tells formats apart by their first bytes, never by a file's name.
#ifndef NEVUS_COMPUTE_IMAGE_IMAGE_FORMAT_H_
#define NEVUS_COMPUTE_IMAGE_IMAGE_FORMAT_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace nevus {

enum class ImageFormat { kJpeg, kPng };

// IMAGE_EMPTY; IMAGE_TRUNCATED if `bytes` end within the signature; else, if
// they are neither JPEG nor PNG, IMAGE_FORMAT_UNSUPPORTED, saying what they
// look like.
absl::StatusOr<ImageFormat> IdentifyImage(std::string_view bytes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_IMAGE_FORMAT_H_
