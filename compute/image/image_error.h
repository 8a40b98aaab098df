// The ways in which an image is refused: one function a reason. Shared by the
// decoder and the stripper; reasons are part of the API (decode.h lists them).
#ifndef NEVUS_COMPUTE_IMAGE_IMAGE_ERROR_H_
#define NEVUS_COMPUTE_IMAGE_IMAGE_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace nevus {

// All INVALID_ARGUMENT. `detail` completes the sentence and holds no bytes of
// the image unquoted.
absl::Status ImageEmpty();
absl::Status ImageTooManyBytes(int64_t bytes, int64_t limit);
absl::Status ImageTooManyPixels(int64_t width, int64_t height, int64_t limit);
// "the image is `what`": "a GIF", "a JPEG with arithmetic coding".
absl::Status ImageUnsupported(const std::string& what);
absl::Status ImageTruncated(const std::string& detail);
absl::Status ImageCorrupt(const std::string& detail);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_IMAGE_ERROR_H_
