#include "compute/image/strip.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "base/status.h"
#include "compute/image/exif.h"
#include "compute/image/image_format.h"
#include "compute/image/jpeg.h"
#include "compute/image/jpeg_segments.h"
#include "compute/image/png_chunks.h"

namespace nevus {
namespace {

bool BeginsWith(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start;
}

void AppendSegment(uint8_t marker, std::string_view payload, std::string* out) {
  const size_t length = payload.size() + 2;
  *out += {'\xFF', static_cast<char>(marker), static_cast<char>(length >> 8),
           static_cast<char>(length)};
  out->append(payload);
}

// An APPn segment, or what may stay of it. The shortest forms that libjpeg
// reads as JFIF's and Adobe's have 14 and 12 bytes.
void AppendApplicationSegment(const JpegSegment& segment, bool* seen_exif,
                              std::string* out) {
  constexpr size_t kJfifBytes = 14;
  constexpr size_t kAdobeBytes = 12;
  const std::string_view payload = segment.payload;
  if (segment.marker == jpeg::kApp0 && payload.size() >= kJfifBytes &&
      BeginsWith(payload, std::string_view("JFIF\0", 5))) {
    std::string jfif(payload.substr(0, kJfifBytes));
    jfif[12] = jfif[13] = 0;  // the thumbnail's width and height
    AppendSegment(segment.marker, jfif, out);
  } else if (segment.marker == jpeg::kApp1 && !*seen_exif &&
             BeginsWith(payload, jpeg::kExifPrefix)) {
    *seen_exif = true;  // the decoder heeds the first one only
    const int orientation =
        ReadOrientation(payload.substr(jpeg::kExifPrefix.size()));
    if (orientation == 1) return;
    AppendSegment(
        segment.marker,
        std::string(jpeg::kExifPrefix) + OrientationOnlyTiff(orientation), out);
  } else if (segment.marker == jpeg::kApp2 &&
             BeginsWith(payload, std::string_view("ICC_PROFILE\0", 12))) {
    out->append(segment.whole);
  } else if (segment.marker == jpeg::kApp14 && payload.size() >= kAdobeBytes &&
             BeginsWith(payload, "Adobe")) {
    AppendSegment(segment.marker, payload.substr(0, kAdobeBytes), out);
  }
}

absl::StatusOr<std::string> StripJpeg(std::string_view bytes) {
  std::string out(kJpegSignature);
  out.reserve(bytes.size() + 64);
  JpegSegments segments(bytes);
  bool seen_exif = false;
  while (true) {
    ASSIGN_OR_RETURN(const JpegSegment segment, segments.Next());
    if (segment.marker >= jpeg::kApp0 && segment.marker <= jpeg::kApp15) {
      AppendApplicationSegment(segment, &seen_exif, &out);
    } else if (segment.marker != jpeg::kComment) {
      out.append(segment.whole);
    }
    if (segment.marker == jpeg::kSos) out.append(segments.TakeScan());
    if (segment.marker == jpeg::kEoi) return out;
  }
}

absl::StatusOr<std::string> StripPng(std::string_view bytes) {
  constexpr std::string_view kKept[] = {"IHDR", "PLTE", "tRNS", "IDAT",
                                        "IEND", "cHRM", "gAMA", "iCCP",
                                        "sBIT", "sRGB", "cICP", "pHYs"};
  std::string out(kPngSignature);
  out.reserve(bytes.size() + 64);
  PngChunks chunks(bytes);
  bool seen_exif = false;
  while (true) {
    ASSIGN_OR_RETURN(const PngChunk chunk, chunks.Next());
    if (chunk.type == "eXIf" && !seen_exif) {
      seen_exif = true;  // the decoder heeds the first one only
      const int orientation = ReadOrientation(chunk.data);
      if (orientation != 1) {
        out += MakePngChunk("eXIf", OrientationOnlyTiff(orientation));
      }
    } else if (std::find(std::begin(kKept), std::end(kKept), chunk.type) !=
               std::end(kKept)) {
      out.append(chunk.whole);
    }
    if (chunk.type == "IEND") return out;
  }
}

}  // namespace

absl::StatusOr<std::string> StripMetadata(std::string_view bytes) {
  ASSIGN_OR_RETURN(const ImageFormat format, IdentifyImage(bytes));
  return format == ImageFormat::kJpeg ? StripJpeg(bytes) : StripPng(bytes);
}

}  // namespace nevus
