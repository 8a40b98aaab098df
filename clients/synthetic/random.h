// Random numbers that are the same everywhere: SplitMix64 (Steele, Lea, Flood,
// 2014). The standard library's distributions differ between libraries.
#ifndef NEVUS_CLIENTS_SYNTHETIC_RANDOM_H_
#define NEVUS_CLIENTS_SYNTHETIC_RANDOM_H_

#include <cmath>
#include <cstdint>

namespace nevus {

// Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return Mix(state_ += 0x9E3779B97F4A7C15u); }

  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  double Uniform(double low, double high) {
    return low + (high - low) * Uniform();
  }
  bool Chance(double probability) { return Uniform() < probability; }
  // Standard normal, by Box and Muller.
  double Normal() {
    const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
    return radius * std::cos(6.283185307179586 * Uniform());
  }

  static uint64_t Mix(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }

 private:
  uint64_t state_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_SYNTHETIC_RANDOM_H_
