#include "tests/bench/peak.h"

#include <immintrin.h>

#include <algorithm>

#include "base/clock.h"
#include "compute/backbone/cpu.h"

namespace nevus {
namespace {

constexpr int kRounds = 2'000'000, kChains = 8, kRuns = 5;

// Eight chains hide the latency of an instruction: four cycles, two a cycle.
// Each in a variable of its own, or the compiler keeps them in memory; and it
// must not see that they are never used. `next` computes one from `sum`.
#define NEVUS_CHAIN(sum, next) \
  sum = next(sum);             \
  __asm__ volatile("" : "+v"(sum))
#define NEVUS_CHAINS(type, zero, next)                                       \
  type a = zero, b = zero, c = zero, d = zero, e = zero, f = zero, g = zero, \
       h = zero;                                                             \
  for (int round = 0; round < kRounds; ++round) {                            \
    NEVUS_CHAIN(a, next);                                                    \
    NEVUS_CHAIN(b, next);                                                    \
    NEVUS_CHAIN(c, next);                                                    \
    NEVUS_CHAIN(d, next);                                                    \
    NEVUS_CHAIN(e, next);                                                    \
    NEVUS_CHAIN(f, next);                                                    \
    NEVUS_CHAIN(g, next);                                                    \
    NEVUS_CHAIN(h, next);                                                    \
  }

__attribute__((target("avx512f"))) void FmaOn512() {
  const __m512 x = _mm512_set1_ps(1e-3f);
#define NEVUS_NEXT(sum) _mm512_fmadd_ps(x, x, sum)
  NEVUS_CHAINS(__m512, x, NEVUS_NEXT)
#undef NEVUS_NEXT
}

__attribute__((target("avx2,fma"))) void FmaOn256() {
  const __m256 x = _mm256_set1_ps(1e-3f);
#define NEVUS_NEXT(sum) _mm256_fmadd_ps(x, x, sum)
  NEVUS_CHAINS(__m256, x, NEVUS_NEXT)
#undef NEVUS_NEXT
}

__attribute__((target("avx512f,avx512bf16"))) void Bf16On512() {
  const __m512bh x =
      _mm512_cvtne2ps_pbh(_mm512_set1_ps(1e-3f), _mm512_set1_ps(1e-3f));
#define NEVUS_NEXT(sum) _mm512_dpbf16_ps(sum, x, x)
  NEVUS_CHAINS(__m512, _mm512_setzero_ps(), NEVUS_NEXT)
#undef NEVUS_NEXT
}

__attribute__((target("avx512f,avx512vnni"))) void BytesOn512() {
  const __m512i x = _mm512_set1_epi8(1);
#define NEVUS_NEXT(sum) _mm512_dpbusd_epi32(sum, x, x)
  NEVUS_CHAINS(__m512i, _mm512_setzero_si512(), NEVUS_NEXT)
#undef NEVUS_NEXT
}

#undef NEVUS_CHAINS
#undef NEVUS_CHAIN

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
    case Arithmetic::kCudaFp32:  // tools/gpu-check measures a GPU
    case Arithmetic::kCudaBf16:
      break;
  }
  return 0;
}

}  // namespace nevus
