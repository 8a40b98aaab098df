#include "compute/image/decode_properties.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "compute/image/strip.h"

namespace nevus {
namespace {

bool IsProperRefusal(const absl::Status& status) {
  return status.code() == absl::StatusCode::kInvalidArgument &&
         !ReasonOf(status).empty();
}

absl::Status Broken(const std::string& property,
                    const absl::Status& status = absl::OkStatus()) {
  return absl::InternalError(absl::StrCat(property, ": ", status.ToString()));
}

}  // namespace

absl::Status CheckDecodeProperties(std::string_view bytes) {
  DecodeLimits limits;
  limits.max_pixels = 1'000'000;
  const absl::StatusOr<ImageHeader> header = ReadImageHeader(bytes, limits);
  if (!header.ok() && !IsProperRefusal(header.status())) {
    return Broken("a header is refused without a reason", header.status());
  }
  const absl::StatusOr<std::string> stripped = StripMetadata(bytes);
  if (!stripped.ok() && !IsProperRefusal(stripped.status())) {
    return Broken("stripping is refused without a reason", stripped.status());
  }
  if (stripped.ok()) {
    const absl::StatusOr<std::string> twice = StripMetadata(*stripped);
    if (!twice.ok()) return Broken("no second stripping", twice.status());
    if (*twice != *stripped) return Broken("a second stripping takes more");
  }

  const absl::StatusOr<Pixels> pixels = DecodeImage(bytes, limits);
  if (!pixels.ok()) {
    return IsProperRefusal(pixels.status())
               ? absl::OkStatus()
               : Broken("decoding is refused without a reason",
                        pixels.status());
  }
  if (!header.ok()) return Broken("decodes without header", header.status());
  if (pixels->width != header->width || pixels->height != header->height) {
    return Broken("the header tells another size");
  }
  if (!stripped.ok()) return Broken("decodes, not strips", stripped.status());
  const absl::StatusOr<Pixels> again = DecodeImage(*stripped, limits);
  if (!again.ok()) return Broken("stripped, is refused", again.status());
  if (again->width != pixels->width || again->height != pixels->height ||
      again->rgb != pixels->rgb) {
    return Broken("stripped, has other pixels");
  }
  return absl::OkStatus();
}

}  // namespace nevus
