// What this processor can do, asked at run time (CPUID), never at compile time.
// Decides which arithmetic a feature space may name; knows no network.
#ifndef NEVUS_COMPUTE_BACKBONE_CPU_H_
#define NEVUS_COMPUTE_BACKBONE_CPU_H_

#include <string>
#include <vector>

namespace nevus {

// The instruction sets that matter here and that processor and kernel both
// offer, in Linux's spelling: "avx2", "avx512_bf16", ... Thread-safe.
std::vector<std::string> CpuFeatures();

// The rest is what oneDNN will use: less than the processor has where
// ONEDNN_MAX_CPU_ISA says so, as it does to see how a lesser one fares.

// AVX2 and FMA: what our Winograd kernel asks for at least.
bool HasAvx2();

// AVX-512 F, BW, DQ and VL: what kernels for AVX-512 are compiled for.
bool HasAvx512();

// bfloat16 products in hardware (AVX512-BF16).
bool HasBf16();

// Tiles of both (AMX-INT8, AMX-BF16).
bool HasAmx();

// Products of bytes summed in 32 bits (AVX512-VNNI). Without it oneDNN sums
// pairs in 16 bits, which overflow.
bool HasVnni();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_CPU_H_
