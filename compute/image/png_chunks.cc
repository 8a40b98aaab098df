#include "compute/image/png_chunks.h"

#include "compute/image/image_error.h"

namespace nevus {
namespace {

constexpr size_t kOverhead = 12;  // length, type, checksum: four bytes each

// PNG specification, annex D. Bit by bit: it sees chunks of some dozen bytes.
uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (char c : bytes) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
  }
  return ~crc;
}

void AppendNumber(uint32_t value, std::string* out) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

}  // namespace

uint32_t PngNumber(std::string_view bytes) {
  uint32_t value = 0;
  for (char c : bytes.substr(0, 4))
    value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

bool PngChunk::ChecksumHolds() const {
  return PngNumber(whole.substr(whole.size() - 4)) ==
         Crc32(whole.substr(4, whole.size() - 8));
}

absl::StatusOr<PngChunk> PngChunks::Next() {
  const std::string_view rest = bytes_.substr(at_);
  if (rest.size() < kOverhead || PngNumber(rest) > rest.size() - kOverhead) {
    return ImageTruncated("the PNG data stop before their end chunk");
  }
  PngChunk chunk;
  chunk.whole = rest.substr(0, kOverhead + PngNumber(rest));
  chunk.type = chunk.whole.substr(4, 4);
  chunk.data = chunk.whole.substr(8, chunk.whole.size() - kOverhead);
  at_ += chunk.whole.size();
  return chunk;
}

std::string MakePngChunk(std::string_view type, std::string_view data) {
  std::string chunk;
  AppendNumber(static_cast<uint32_t>(data.size()), &chunk);
  chunk.append(type).append(data);
  AppendNumber(Crc32(std::string_view(chunk).substr(4)), &chunk);
  return chunk;
}

}  // namespace nevus
