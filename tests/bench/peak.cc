#include "tests/bench/peak.h"

#include <immintrin.h>

#include <algorithm>

#include "base/clock.h"
#include "compute/backbone/cpu.h"

namespace nevus {
namespace {

constexpr int kRounds = 2'000'000, kChains = 12, kRuns = 5;

// Twelve chains hide the latency of an instruction: 4 or 5 cycles, two a cycle.
// The compiler must not see that the sums are never used.
#define NEVUS_CHAINS(type, zero, step)                 \
  type sums[kChains];                                  \
  for (type & sum : sums) sum = zero;                  \
  for (int round = 0; round < kRounds; ++round) {      \
    _Pragma("GCC unroll 12") for (type & sum : sums) { \
      sum = step;                                      \
      __asm__ volatile("" : "+v"(sum));                \
    }                                                  \
  }

__attribute__((target("avx512f"))) void FmaOn512() {
  const __m512 x = _mm512_set1_ps(1e-3f);
  NEVUS_CHAINS(__m512, x, _mm512_fmadd_ps(x, x, sum))
}

__attribute__((target("avx2,fma"))) void FmaOn256() {
  const __m256 x = _mm256_set1_ps(1e-3f);
  NEVUS_CHAINS(__m256, x, _mm256_fmadd_ps(x, x, sum))
}

__attribute__((target("avx512f,avx512bf16"))) void Bf16On512() {
  const __m512bh x =
      _mm512_cvtne2ps_pbh(_mm512_set1_ps(1e-3f), _mm512_set1_ps(1e-3f));
  NEVUS_CHAINS(__m512, _mm512_setzero_ps(), _mm512_dpbf16_ps(sum, x, x))
}

__attribute__((target("avx512f,avx512vnni"))) void BytesOn512() {
  const __m512i x = _mm512_set1_epi8(1);
  NEVUS_CHAINS(__m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(sum, x, x))
}

#undef NEVUS_CHAINS

double GmacPerSecond(void (*run)(), int macs_an_instruction) {
  double best = 1e9;
  for (int i = 0; i < kRuns; ++i) {
    const Stopwatch watch;
    run();
    best = std::min(best, watch.Seconds());
  }
  return 1e-9 * kRounds * kChains * macs_an_instruction / best;
}

}  // namespace

double MeasuredPeak(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
    case Arithmetic::kFp32Winograd:
      return HasAvx512() ? GmacPerSecond(FmaOn512, 16)
                         : GmacPerSecond(FmaOn256, 8);
    case Arithmetic::kBf16:
      return GmacPerSecond(Bf16On512, 32);
    case Arithmetic::kInt8:
    case Arithmetic::kInt8Winograd:
      return GmacPerSecond(BytesOn512, 64);
  }
  return 0;
}

}  // namespace nevus
