// IEEE 754 binary16 ("fp16"): 11 significant bits, up to 65504, a step of 2^-24
// near zero. Half the bytes of a float. Knows nothing of what the numbers mean.
#ifndef NEVUS_BASE_HALF_H_
#define NEVUS_BASE_HALF_H_

#include <cstddef>
#include <cstdint>

namespace nevus {

// `value` rounded to the nearest half, ties to even, as its bits; beyond the
// range an infinity.
uint16_t HalfBits(float value);
// Exact.
float FromHalfBits(uint16_t bits);

// The same for many, with the processor's instructions where it has them: the
// same bits everywhere. For finite values.
void ToHalves(const float* values, size_t count, uint16_t* bits);
void FromHalves(const uint16_t* bits, size_t count, float* values);

}  // namespace nevus

#endif  // NEVUS_BASE_HALF_H_
