// A JPEG file as a sequence of segments (ITU-T T.81, annex B), without
// decoding. Tolerates exactly what libjpeg does between segments, so that
// header, decoder and stripper agree on where each begins. Copies nothing.
#ifndef NEVUS_COMPUTE_IMAGE_JPEG_SEGMENTS_H_
#define NEVUS_COMPUTE_IMAGE_JPEG_SEGMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace nevus {

namespace jpeg {
inline constexpr uint8_t kSof0 = 0xC0;
inline constexpr uint8_t kSof15 = 0xCF;
inline constexpr uint8_t kDht = 0xC4;  // within the range of the SOFs, as are
inline constexpr uint8_t kJpg = 0xC8;  // these two
inline constexpr uint8_t kDac = 0xCC;
inline constexpr uint8_t kSoi = 0xD8;
inline constexpr uint8_t kEoi = 0xD9;
inline constexpr uint8_t kSos = 0xDA;
inline constexpr uint8_t kApp0 = 0xE0;
inline constexpr uint8_t kApp1 = 0xE1;
inline constexpr uint8_t kApp2 = 0xE2;
inline constexpr uint8_t kApp14 = 0xEE;
inline constexpr uint8_t kApp15 = 0xEF;
inline constexpr uint8_t kComment = 0xFE;

inline constexpr std::string_view kExifPrefix("Exif\0\0", 6);
}  // namespace jpeg

// Some cameras leave a byte or a few between segments, harmlessly; more of them
// are a sign of damage.
inline constexpr int kMaxStrayBytes = 16;

struct JpegSegment {
  uint8_t marker = 0;
  std::string_view payload;  // without marker and length
  std::string_view whole;    // with both
};

// Thread-compatible. `bytes` must outlive it and what it returns.
class JpegSegments {
 public:
  // REQUIRES: `bytes` begins with SOI.
  explicit JpegSegments(std::string_view bytes) : bytes_(bytes) {}

  // The next segment; IMAGE_TRUNCATED or IMAGE_CORRUPT if there is none. Do not
  // call again after EOI.
  absl::StatusOr<JpegSegment> Next();

  // REQUIRES: the last segment was SOS. The entropy-coded data after it, with
  // restart markers, up to the next other marker or the end of the bytes.
  std::string_view TakeScan();

 private:
  uint8_t At(size_t i) const { return static_cast<uint8_t>(bytes_[i]); }

  const std::string_view bytes_;
  size_t at_ = 2;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_JPEG_SEGMENTS_H_
