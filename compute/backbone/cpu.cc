// CPUID by hand: gcc's and clang's __builtin_cpu_supports know different names,
// and neither knows AMX. Bits: Intel SDM volume 2A, CPUID, leaves 1 and 7.
#include "compute/backbone/cpu.h"

#include <cpuid.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace nevus {
namespace {

enum Register { kEax, kEbx, kEcx, kEdx };

struct Feature {
  const char* name;
  unsigned leaf, subleaf;
  Register reg;
  int bit;
  uint64_t state;  // the bits of XCR0 that the kernel must have switched on
};

// SSE and AVX registers; with the mask and upper registers of AVX-512; tiles.
constexpr uint64_t kYmm = 0x6, kZmm = 0xe6, kTile = 0x60000;

constexpr Feature kFeatures[] = {
    {"sse4_2", 1, 0, kEcx, 20, 0},         {"avx", 1, 0, kEcx, 28, kYmm},
    {"fma", 1, 0, kEcx, 12, kYmm},         {"avx2", 7, 0, kEbx, 5, kYmm},
    {"avx512f", 7, 0, kEbx, 16, kZmm},     {"avx512dq", 7, 0, kEbx, 17, kZmm},
    {"avx512bw", 7, 0, kEbx, 30, kZmm},    {"avx512vl", 7, 0, kEbx, 31, kZmm},
    {"avx512_vnni", 7, 0, kEcx, 11, kZmm}, {"avx512_bf16", 7, 1, kEax, 5, kZmm},
    {"amx_tile", 7, 0, kEdx, 24, kTile},   {"amx_bf16", 7, 0, kEdx, 22, kTile},
    {"amx_int8", 7, 0, kEdx, 25, kTile},
};

// XCR0: the register states that the kernel saves on a switch of threads.
uint64_t EnabledStates() {
  unsigned r[4];
  constexpr unsigned kOsxsave = 1u << 27;
  if (!__get_cpuid(1, &r[0], &r[1], &r[2], &r[3]) || !(r[kEcx] & kOsxsave)) {
    return 0;
  }
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

// How far oneDNN may go: 2 AVX2, 3 AVX-512, 4 with VNNI, 5 BF16, 6 AMX. As its
// documentation of ONEDNN_MAX_CPU_ISA has it; any other value is no limit.
int OnednnLimit() {
  const char* const limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  const std::string isa = limit == nullptr ? "" : limit;
  if (isa == "SSE41" || isa == "AVX") return 1;
  if (isa == "AVX2" || isa == "AVX2_VNNI") return 2;
  if (isa == "AVX512_CORE") return 3;
  if (isa == "AVX512_CORE_VNNI") return 4;
  if (isa == "AVX512_CORE_BF16") return 5;
  return 6;
}

bool Has(const std::string& name, int level) {
  static const std::vector<std::string> features = CpuFeatures();
  static const int limit = OnednnLimit();
  return level <= limit &&
         std::find(features.begin(), features.end(), name) != features.end();
}

}  // namespace

std::vector<std::string> CpuFeatures() {
  const uint64_t states = EnabledStates();
  std::vector<std::string> found;
  for (const Feature& feature : kFeatures) {
    unsigned r[4] = {};
    if (__get_cpuid_count(feature.leaf, feature.subleaf, &r[0], &r[1], &r[2],
                          &r[3]) &&
        (r[feature.reg] >> feature.bit & 1) &&
        (states & feature.state) == feature.state) {
      found.push_back(feature.name);
    }
  }
  return found;
}

bool HasAvx2() { return Has("avx2", 2) && Has("fma", 2); }

bool HasAvx512() {
  return Has("avx512f", 3) && Has("avx512bw", 3) && Has("avx512dq", 3) &&
         Has("avx512vl", 3);
}

bool HasVnni() { return HasAvx512() && Has("avx512_vnni", 4); }

bool HasBf16() { return HasAvx512() && Has("avx512_bf16", 5); }

bool HasAmx() { return Has("amx_int8", 6) && Has("amx_bf16", 6); }

}  // namespace nevus
