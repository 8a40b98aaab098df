#include "base/half.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace nevus {
namespace {

uint32_t Bits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// `value` / 2^`shift`, ties to even.
uint32_t ShiftRounded(uint32_t value, int shift) {
  const uint32_t half = uint32_t{1} << (shift - 1);
  const uint32_t odd = (value >> shift) & 1;
  return (value + half - 1 + odd) >> shift;
}

#if defined(__x86_64__)
// Every processor with AVX2 has F16C; compilers do not all know its name.
bool HasF16c() {
  static const bool has = __builtin_cpu_supports("avx2") != 0;
  return has;
}

__attribute__((target("avx,f16c"))) size_t ToHalvesBy8(const float* values,
                                                       size_t count,
                                                       uint16_t* bits) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bits + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(values + i),
                                     _MM_FROUND_TO_NEAREST_INT));
  }
  return i;
}

__attribute__((target("avx,f16c"))) size_t FromHalvesBy8(const uint16_t* bits,
                                                         size_t count,
                                                         float* values) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(values + i,
                     _mm256_cvtph_ps(_mm_loadu_si128(
                         reinterpret_cast<const __m128i*>(bits + i))));
  }
  return i;
}
#else
bool HasF16c() { return false; }
size_t ToHalvesBy8(const float*, size_t, uint16_t*) { return 0; }
size_t FromHalvesBy8(const uint16_t*, size_t, float*) { return 0; }
#endif

}  // namespace

uint16_t HalfBits(float value) {
  const uint32_t bits = Bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;   // not a number
  if (magnitude >= 0x47800000) return sign | 0x7C00;  // from 2^16 on
  uint32_t half;
  if (magnitude >= 0x38800000) {  // from 2^-14 on: normal
    // The exponent's bias goes from 127 to 15. A carry out of the significand
    // raises the exponent, up to infinity, as it must.
    half = ShiftRounded(magnitude - 0x38000000, 13);
  } else {
    const int exponent = static_cast<int>(magnitude >> 23);
    const int shift = 126 - exponent;  // to steps of 2^-24
    if (shift > 24) return sign;       // below half a step
    half = ShiftRounded((magnitude & 0x7FFFFF) | 0x800000, shift);
  }
  return static_cast<uint16_t>(sign | half);
}

float FromHalfBits(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 0x1F;
  const uint32_t fraction = bits & 0x3FF;
  if (exponent == 0x1F) return FromBits(sign | 0x7F800000 | fraction << 13);
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return FromBits(sign | (exponent + 112) << 23 | fraction << 13);
}

void ToHalves(const float* values, size_t count, uint16_t* bits) {
  size_t i = HasF16c() ? ToHalvesBy8(values, count, bits) : 0;
  for (; i < count; ++i) bits[i] = HalfBits(values[i]);
}

void FromHalves(const uint16_t* bits, size_t count, float* values) {
  size_t i = HasF16c() ? FromHalvesBy8(bits, count, values) : 0;
  for (; i < count; ++i) values[i] = FromHalfBits(bits[i]);
}

}  // namespace nevus
