#include "compute/backbone/arithmetic.h"

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/cpu.h"

namespace nevus {

const std::vector<Arithmetic>& Arithmetics() {
  static const auto* const all = new std::vector<Arithmetic>{
      Arithmetic::kFp32, Arithmetic::kFp32Winograd, Arithmetic::kBf16,
      Arithmetic::kInt8, Arithmetic::kInt8Winograd};
  return *all;
}

const std::vector<Arithmetic>& GpuArithmetics() {
  static const auto* const all =
      new std::vector<Arithmetic>{Arithmetic::kCudaFp32, Arithmetic::kCudaBf16};
  return *all;
}

bool RunsOnGpu(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kCudaFp32 ||
         arithmetic == Arithmetic::kCudaBf16;
}

bool NeedsCalibration(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kInt8 ||
         arithmetic == Arithmetic::kInt8Winograd;
}

const char* ArithmeticName(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
      return "fp32";
    case Arithmetic::kFp32Winograd:
      return "fp32_winograd";
    case Arithmetic::kBf16:
      return "bf16";
    case Arithmetic::kInt8:
      return "int8";
    case Arithmetic::kInt8Winograd:
      return "int8_winograd";
    case Arithmetic::kCudaFp32:
      return "cuda_fp32";
    case Arithmetic::kCudaBf16:
      return "cuda_bf16";
  }
  return "?";
}

absl::StatusOr<Arithmetic> ParseArithmetic(const std::string& name) {
  for (const auto* all : {&Arithmetics(), &GpuArithmetics()}) {
    for (Arithmetic arithmetic : *all) {
      if (name == ArithmeticName(arithmetic)) return arithmetic;
    }
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "precision ", Quoted(name),
                        " is not known; it is auto, fp32, fp32_winograd, bf16, "
                        "int8, int8_winograd, cuda_fp32 or cuda_bf16. Choose "
                        "one of them, or leave it out for auto")),
                    "ARITHMETIC_UNKNOWN", {{"precision", name}});
}

absl::Status CheckArithmeticSupported(Arithmetic arithmetic) {
  if (RunsOnGpu(arithmetic)) {
    const char* const name = ArithmeticName(arithmetic);
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "precision ", name,
            " needs a GPU, and this process was given none. Start nevusd, or "
            "an extraction worker of its own, with --device cuda:N where there "
            "is one, or extract anew with --precision auto")),
        "ARITHMETIC_UNSUPPORTED", {{"precision", name}});
  }
  const char* lacking = nullptr;
  if (arithmetic == Arithmetic::kFp32Winograd && !HasAvx2()) {
    lacking = "AVX2 with FMA";
  } else if (arithmetic == Arithmetic::kBf16 && !HasBf16()) {
    lacking = "AVX512-BF16";
  } else if (NeedsCalibration(arithmetic) && !HasVnni()) {
    lacking = "AVX512-VNNI";
  }
  if (lacking == nullptr) return absl::OkStatus();
  const char* name = ArithmeticName(arithmetic);
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "precision ", name, " needs ", lacking,
          ", which this machine's processor lacks. Run it on a machine that "
          "has it, or extract anew with --precision fp32")),
      "ARITHMETIC_UNSUPPORTED", {{"precision", name}});
}

}  // namespace nevus
