#include "compute/image/exif.h"

#include <cstddef>
#include <cstdint>

namespace nevus {
namespace {

constexpr uint32_t kOrientationTag = 0x0112;
constexpr uint32_t kShort = 3;  // TIFF's type of a 16-bit number
constexpr size_t kEntryBytes = 12;

// Numbers of a TIFF block in its own byte order; 0 outside the block.
class TiffBlock {
 public:
  TiffBlock(std::string_view bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  uint32_t Number(size_t at, size_t width) const {
    if (at > bytes_.size() || bytes_.size() - at < width) return 0;
    uint32_t value = 0;
    for (size_t i = 0; i < width; ++i) {
      const size_t place = big_endian_ ? i : width - 1 - i;
      value = value << 8 | static_cast<uint8_t>(bytes_[at + place]);
    }
    return value;
  }

 private:
  const std::string_view bytes_;
  const bool big_endian_;
};

}  // namespace

int ReadOrientation(std::string_view tiff) {
  const std::string_view order = tiff.substr(0, 2);
  if (order != "MM" && order != "II") return 1;
  const TiffBlock block(tiff, order == "MM");
  if (block.Number(2, 2) != 42) return 1;
  const size_t directory = block.Number(4, 4);
  const size_t entries = block.Number(directory, 2);  // at most 65535
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (block.Number(entry, 2) != kOrientationTag) continue;
    const uint32_t value = block.Number(entry + 8, 2);
    const bool sensible = block.Number(entry + 2, 2) == kShort &&
                          block.Number(entry + 4, 4) == 1 && value >= 1 &&
                          value <= 8;
    return sensible ? static_cast<int>(value) : 1;
  }
  return 1;
}

std::string OrientationOnlyTiff(int orientation) {
  std::string tiff(
      "MM\0\x2a\0\0\0\x08"                // big-endian, directory at 8
      "\0\x01"                            // one entry:
      "\x01\x12\0\x03\0\0\0\x01\0\0\0\0"  // orientation, one SHORT
      "\0\0\0\0",                         // no further directory
      26);
  tiff[19] = static_cast<char>(orientation);
  return tiff;
}

}  // namespace nevus
