#include "base/packed_floats.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/half.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "numbers are copied as they lie in memory");

namespace nevus {
namespace {

constexpr char kFloat = 1;
constexpr char kHalf = 2;

// Converted this many at a time, on the stack.
constexpr size_t kBlock = 1024;

}  // namespace

std::string PackFloats(const float* values, size_t count) {
  std::string packed(1 + 2 * count, kHalf);
  uint16_t halves[kBlock];
  float back[kBlock];
  for (size_t at = 0; at < count; at += kBlock) {
    const size_t n = std::min(kBlock, count - at);
    ToHalves(values + at, n, halves);
    FromHalves(halves, n, back);
    if (std::memcmp(back, values + at, n * sizeof(float)) != 0) {
      return PackRawFloats(
          {reinterpret_cast<const char*>(values), count * sizeof(float)});
    }
    std::memcpy(&packed[1 + 2 * at], halves, 2 * n);
  }
  return packed;
}

std::string PackRawFloats(std::string_view bytes) {
  std::string packed;
  packed.reserve(1 + bytes.size());
  packed += kFloat;
  packed += bytes;
  return packed;
}

size_t PackedCount(std::string_view bytes) {
  return (bytes.size() - 1) / (bytes[0] == kFloat ? 4 : 2);
}

bool IsPacked(std::string_view bytes, size_t count) {
  if (bytes.empty()) return false;
  return (bytes[0] == kFloat && bytes.size() == 1 + 4 * count) ||
         (bytes[0] == kHalf && bytes.size() == 1 + 2 * count);
}

void UnpackFloats(std::string_view bytes, size_t count, float* values) {
  if (bytes[0] == kFloat) {
    std::memcpy(values, bytes.data() + 1, 4 * count);
    return;
  }
  uint16_t halves[kBlock];
  for (size_t at = 0; at < count; at += kBlock) {
    const size_t n = std::min(kBlock, count - at);
    std::memcpy(halves, bytes.data() + 1 + 2 * at, 2 * n);
    FromHalves(halves, n, values + at);
  }
}

}  // namespace nevus
