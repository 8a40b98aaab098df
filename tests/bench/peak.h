// What one core can multiply at most, measured: the yardstick of a layer.
#ifndef NEVUS_TESTS_BENCH_PEAK_H_
#define NEVUS_TESTS_BENCH_PEAK_H_

#include "compute/backbone/arithmetic.h"

namespace nevus {

// 1e9 multiply-adds a second of the instruction that `arithmetic` rests on
// (fp32: FMA, bf16: VDPBF16PS, int8: VPDPBUSD, on 512 bits or else FMA on 256),
// on registers alone, the best of several runs. Winograd rests on the same
// instruction and needs fewer. REQUIRES: CheckArithmeticSupported. AMX is not
// measured.
double MeasuredPeak(Arithmetic arithmetic);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_PEAK_H_
