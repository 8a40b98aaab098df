#include "compute/image/jpeg_segments.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compute/image/image_error.h"

namespace nevus {
namespace {

constexpr uint8_t kTem = 0x01;

bool IsRestart(uint8_t marker) { return marker >= 0xD0 && marker <= 0xD7; }

bool HasLength(uint8_t marker) {
  return marker != kTem && !IsRestart(marker) && marker != jpeg::kSoi &&
         marker != jpeg::kEoi;
}

absl::Status EndsEarly() {
  return ImageTruncated("the JPEG data stop before their end marker");
}

}  // namespace

absl::StatusOr<JpegSegment> JpegSegments::Next() {
  // A marker is 0xFF, any number of times, and a byte other than 0xFF and 0.
  int stray_bytes = 0;
  while (true) {
    while (at_ < bytes_.size() && At(at_) != 0xFF) {
      ++at_;
      ++stray_bytes;
    }
    while (at_ < bytes_.size() && At(at_) == 0xFF) ++at_;
    if (stray_bytes > kMaxStrayBytes) {
      return ImageCorrupt(
          absl::StrCat("more than ", kMaxStrayBytes,
                       " bytes between two JPEG segments belong to neither"));
    }
    if (at_ >= bytes_.size()) return EndsEarly();
    if (At(at_) != 0) break;
    ++at_;
    stray_bytes += 2;
  }

  JpegSegment segment;
  segment.marker = At(at_++);
  const size_t start = at_ - 2;
  if (HasLength(segment.marker)) {
    if (bytes_.size() - at_ < 2) return EndsEarly();
    // The length counts its own two bytes; libjpeg reads 0 and 1 as 2.
    const size_t length = std::max(At(at_) << 8 | At(at_ + 1), 2);
    if (bytes_.size() - at_ < length) return EndsEarly();
    segment.payload = bytes_.substr(at_ + 2, length - 2);
    at_ += length;
  }
  segment.whole = bytes_.substr(start, at_ - start);
  return segment;
}

std::string_view JpegSegments::TakeScan() {
  const size_t start = at_;
  while (true) {
    const size_t marker = std::min(bytes_.find('\xFF', at_), bytes_.size());
    size_t code = marker;
    while (code < bytes_.size() && At(code) == 0xFF) ++code;
    if (code == bytes_.size() || (At(code) != 0 && !IsRestart(At(code)))) {
      at_ = marker;
      return bytes_.substr(start, at_ - start);
    }
    at_ = code + 1;
  }
}

}  // namespace nevus
