// Draws of the histories.
#ifndef NEVUS_TESTS_CHAOS_POWER_LOSS_RANDOM_H_
#define NEVUS_TESTS_CHAOS_POWER_LOSS_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>

namespace nevus {

// `low` to `high`, both inclusive.
inline int64_t Draw(std::mt19937_64& random, int64_t low, int64_t high) {
  return low +
         static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

// Bytes that do not compress.
inline std::string DrawBytes(std::mt19937_64& random, size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace nevus

#endif  // NEVUS_TESTS_CHAOS_POWER_LOSS_RANDOM_H_
