#include "compute/image/image_error.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {

absl::Status ImageEmpty() {
  return WithReason(
      absl::InvalidArgumentError(
          "the image has no bytes; send the content of a JPEG or PNG file"),
      "IMAGE_EMPTY");
}

absl::Status ImageTooManyBytes(int64_t bytes, int64_t limit) {
  return WithReason(
      absl::InvalidArgumentError(
          absl::StrCat("the image is ", bytes, " bytes; the most is ", limit,
                       ". Scale it down or compress it more")),
      "IMAGE_TOO_LARGE",
      {{"bytes", absl::StrCat(bytes)}, {"limit", absl::StrCat(limit)}});
}

absl::Status ImageTooManyPixels(int64_t width, int64_t height, int64_t limit) {
  // Each side is below 2^31, so the product fits.
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "the image is ", width, "x", height, " = ", width * height,
          " pixels by its header; the most is ", limit, ". Scale it down")),
      "IMAGE_TOO_LARGE",
      {{"pixels", absl::StrCat(width * height)},
       {"limit", absl::StrCat(limit)}});
}

absl::Status ImageUnsupported(const std::string& what) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the image is ", what,
                        "; JPEG and PNG are read. Convert it to one of them")),
                    "IMAGE_FORMAT_UNSUPPORTED");
}

absl::Status ImageTruncated(const std::string& detail) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the image is truncated: ", detail,
                        "; the whole file is needed. Copy or send it again")),
                    "IMAGE_TRUNCATED");
}

absl::Status ImageCorrupt(const std::string& detail) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "the image is corrupt: ", detail,
          "; only undamaged files are read. Copy or export it again")),
      "IMAGE_CORRUPT");
}

}  // namespace nevus
