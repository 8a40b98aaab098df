// Small PNG files for tests, made without a PNG library: rows in one stored
// (uncompressed) deflate block, by the PNG specification and RFC 1950, 1951.
#ifndef NEVUS_SERVICES_TESTING_PNG_H_
#define NEVUS_SERVICES_TESTING_PNG_H_

#include <cstdint>
#include <string>

namespace nevus {

// 64 x 64 pixels, RGB, of random values around `brightness` (0 to 255), drawn
// from `seed`.
std::string NoisePng(int brightness, uint32_t seed);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_PNG_H_
