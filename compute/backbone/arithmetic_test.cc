#include "compute/backbone/arithmetic.h"

#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/cpu.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(ArithmeticTest, WhatTheProcessorLacksIsRefused) {
  const absl::Status winograd =
      CheckArithmeticSupported(Arithmetic::kFp32Winograd);
  EXPECT_EQ(winograd.ok(), HasAvx2());
  if (!winograd.ok()) {
    EXPECT_EQ(ReasonOf(winograd), "ARITHMETIC_UNSUPPORTED");
  }
  EXPECT_EQ(CheckArithmeticSupported(Arithmetic::kBf16).ok(), HasBf16());
  EXPECT_THAT(CheckArithmeticSupported(Arithmetic::kFp32), IsOk());
  for (Arithmetic arithmetic : GpuArithmetics()) {
    const absl::Status status = CheckArithmeticSupported(arithmetic);
    EXPECT_EQ(ReasonOf(status), "ARITHMETIC_UNSUPPORTED");
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "--device cuda:N"));
  }
}

TEST(ArithmeticTest, NamesGoThereAndBack) {
  for (const char* name : {"fp32", "fp32_winograd", "bf16", "int8",
                           "int8_winograd", "cuda_fp32", "cuda_bf16"}) {
    EXPECT_STREQ(ArithmeticName(ParseArithmetic(name).value()), name);
  }
  EXPECT_THAT(ParseArithmetic("fp16"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "precision \"fp16\" is not known; it is auto, fp32"));
}

}  // namespace
}  // namespace nevus
