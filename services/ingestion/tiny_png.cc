#include "services/ingestion/tiny_png.h"

namespace nevus {
namespace {

std::string BigEndian(uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(number >> shift);
  }
  return bytes;
}

// PNG specification, annex D.
uint32_t Crc32(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

// RFC 1950.
uint32_t Adler32(const std::string& bytes) {
  uint32_t a = 1, b = 0;
  for (const char c : bytes) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

std::string Chunk(const std::string& type, const std::string& data) {
  return BigEndian(data.size()) + type + data + BigEndian(Crc32(type + data));
}

}  // namespace

std::string TinyPng(uint32_t colour, const std::string& comment) {
  // One line: no filter, then the pixel. Deflate's stored block (RFC 1951).
  const std::string line = std::string(1, 0) + BigEndian(colour).substr(1);
  const std::string zlib = std::string("\x78\x01\x01\x04\x00\xfb\xff", 7) +
                           line + BigEndian(Adler32(line));
  std::string png = "\x89PNG\r\n\x1a\n";
  png += Chunk("IHDR", BigEndian(1) + BigEndian(1) +
                           std::string("\x08\x02\x00\x00\x00", 5));
  if (!comment.empty()) {
    png += Chunk("tEXt", std::string("Comment\0", 8) + comment);
  }
  return png + Chunk("IDAT", zlib) + Chunk("IEND", "");
}

}  // namespace nevus
