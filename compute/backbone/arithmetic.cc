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
  }
  return "?";
}

absl::StatusOr<Arithmetic> ParseArithmetic(const std::string& name) {
  for (Arithmetic arithmetic : Arithmetics()) {
    if (name == ArithmeticName(arithmetic)) return arithmetic;
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "precision ", Quoted(name),
                        " is not known; it is auto, fp32, fp32_winograd, bf16, "
                        "int8 or int8_winograd. Choose one of them, or leave "
                        "it out for auto")),
                    "ARITHMETIC_UNKNOWN", {{"precision", name}});
}

absl::Status CheckArithmeticSupported(Arithmetic arithmetic) {
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
