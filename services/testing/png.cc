#include "services/testing/png.h"

#include <algorithm>
#include <random>

namespace nevus {
namespace {

constexpr uint32_t kSide = 64;

std::string BigEndian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift);
  }
  return bytes;
}

uint32_t Crc(const std::string& bytes) {
  uint32_t crc = 0xffffffff;
  for (unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return ~crc;
}

std::string Chunk(const std::string& type, const std::string& data) {
  return BigEndian(data.size()) + type + data + BigEndian(Crc(type + data));
}

std::string Zlib(const std::string& raw) {
  uint32_t a = 1, b = 0;  // Adler-32
  for (unsigned char byte : raw) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  const uint16_t size = raw.size();
  std::string bytes = {'\x78', '\x01', '\x01'};
  for (uint16_t value : {size, static_cast<uint16_t>(~size)}) {
    bytes += static_cast<char>(value & 0xff);
    bytes += static_cast<char>(value >> 8);
  }
  return bytes + raw + BigEndian((b << 16) | a);
}

}  // namespace

std::string NoisePng(int brightness, uint32_t seed) {
  std::mt19937 random(seed);
  std::string rows;
  for (uint32_t y = 0; y < kSide; ++y) {
    rows += '\0';  // no filter
    for (uint32_t i = 0; i < 3 * kSide; ++i) {
      const int noise = static_cast<int>(random() % 61) - 30;
      rows += static_cast<char>(std::clamp(brightness + noise, 0, 255));
    }
  }
  const std::string header =
      BigEndian(kSide) + BigEndian(kSide) + std::string("\x08\x02\0\0\0", 5);
  return "\x89PNG\r\n\x1a\n" + Chunk("IHDR", header) +
         Chunk("IDAT", Zlib(rows)) + Chunk("IEND", "");
}

}  // namespace nevus
