// How a backbone multiplies. Part of the feature space: another arithmetic
// gives other bits, so features of two are never mixed.
#ifndef NEVUS_COMPUTE_BACKBONE_ARITHMETIC_H_
#define NEVUS_COMPUTE_BACKBONE_ARITHMETIC_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

enum class Arithmetic {
  kFp32,          // plain single precision; runs everywhere
  kFp32Winograd,  // single precision by Winograd's transforms (Lavin and Gray,
                  // 2016), 4 times fewer products; needs AVX2 and FMA
  kBf16,          // products of bfloat16 summed in fp32; needs AVX512-BF16
  kInt8,          // products of bytes summed in 32 bits; needs AVX512-VNNI and
                  // a calibration
  kInt8Winograd,  // the same by Winograd's transforms, in bytes as well
  kCudaFp32,      // single precision on a GPU, in batches (docs/adr/0026)
  kCudaBf16,      // bfloat16 on a GPU, likewise
};

// Those of the processor, the plainest first.
const std::vector<Arithmetic>& Arithmetics();
// Those of a GPU.
const std::vector<Arithmetic>& GpuArithmetics();
bool RunsOnGpu(Arithmetic arithmetic);

// "fp32", "fp32_winograd", "bf16", "int8", "int8_winograd", "cuda_fp32",
// "cuda_bf16".
const char* ArithmeticName(Arithmetic arithmetic);

// Whether it takes integers, whose grids a calibration must give.
bool NeedsCalibration(Arithmetic arithmetic);

// INVALID_ARGUMENT, reason ARITHMETIC_UNKNOWN, for any other name.
absl::StatusOr<Arithmetic> ParseArithmetic(const std::string& name);

// FAILED_PRECONDITION, reason ARITHMETIC_UNSUPPORTED, if this processor cannot;
// it never can those of a GPU.
absl::Status CheckArithmeticSupported(Arithmetic arithmetic);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ARITHMETIC_H_
