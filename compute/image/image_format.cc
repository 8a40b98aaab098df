#include "compute/image/image_format.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "compute/image/image_error.h"
#include "compute/image/jpeg.h"
#include "compute/image/png_chunks.h"

namespace nevus {
namespace {

bool BeginsWith(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start;
}

struct Other {
  size_t at;
  std::string_view magic;
  const char* what;
};

// What people send instead, most telling first.
constexpr Other kOthers[] = {
    {0, "GIF8", "a GIF"},
    {8, "WEBP", "a WebP"},
    {0, "BM", "a BMP"},
    {0, std::string_view("II*\0", 4), "a TIFF or a camera's raw file"},
    {0, std::string_view("MM\0*", 4), "a TIFF or a camera's raw file"},
    {4, "ftyp", "a HEIC, an AVIF or a video"},
    {128, "DICM", "a DICOM file"},
    {0, "\xFF\x4F\xFF\x51", "a JPEG 2000"},
    {4, "jP  ", "a JPEG 2000"},
    {0, "%PDF", "a PDF"},
    {0, "PK\x03\x04", "a zip archive or an office document"},
    {0, "\x1F\x8B", "a gzip archive"},
};

bool IsText(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) {
    return (c >= ' ' && c <= '~') || c == '\n' || c == '\r' || c == '\t';
  });
}

std::string LooksLike(std::string_view bytes) {
  for (const Other& other : kOthers) {
    if (bytes.size() > other.at &&
        BeginsWith(bytes.substr(other.at), other.magic)) {
      return other.what;
    }
  }
  const std::string_view start = bytes.substr(0, 64);
  if (IsText(start)) {
    return BeginsWith(start, "<") ? "a web page or XML" : "a text";
  }
  return "of a kind not known here";
}

}  // namespace

absl::StatusOr<ImageFormat> IdentifyImage(std::string_view bytes) {
  if (bytes.empty()) return ImageEmpty();
  if (BeginsWith(bytes, kJpegSignature)) return ImageFormat::kJpeg;
  if (BeginsWith(bytes, kPngSignature)) return ImageFormat::kPng;
  if (BeginsWith(kJpegSignature, bytes) || BeginsWith(kPngSignature, bytes)) {
    return ImageTruncated("it ends within the first eight bytes");
  }
  return ImageUnsupported(LooksLike(bytes));
}

}  // namespace nevus
