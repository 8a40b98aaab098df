// Floats as bytes, as small as they come without losing a bit: for values on
// disk and on the wire that mostly are halves. Knows nothing of what the
// numbers mean.
//
//   byte 0   1: float32, 4 bytes a number; 2: fp16, 2 bytes a number
//   then     the numbers, little-endian
#ifndef NEVUS_BASE_PACKED_FLOATS_H_
#define NEVUS_BASE_PACKED_FLOATS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace nevus {

// As fp16 if each of the finite `values` is one, else as float32.
std::string PackFloats(const float* values, size_t count);

// `bytes` as float32 with its first byte, whatever the numbers are. `bytes` are
// floats, little-endian.
std::string PackRawFloats(std::string_view bytes);

// How many numbers `bytes` hold, which PackFloats or PackRawFloats made.
size_t PackedCount(std::string_view bytes);

// True if `bytes` hold `count` numbers.
bool IsPacked(std::string_view bytes, size_t count);

// Bit for bit what was packed. REQUIRES: IsPacked(bytes, count).
void UnpackFloats(std::string_view bytes, size_t count, float* values);

}  // namespace nevus

#endif  // NEVUS_BASE_PACKED_FLOATS_H_
