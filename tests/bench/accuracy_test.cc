#include "tests/bench/accuracy.h"

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(AccuracyTest, AnAucIsJudgedByWhatItsArithmeticMayCost) {
  const double exact = 0.75;
  EXPECT_EQ(JudgeAuc(Arithmetic::kFp32, exact, exact), "0.7500");
  const struct {
    Arithmetic arithmetic;
    double difference;
    const char* words;
  } kCases[] = {
      {Arithmetic::kFp32Winograd, 0.0004,
       "0.7504 (+0.0004; within 0.0005: met)"},
      {Arithmetic::kFp32Winograd, -0.0006,
       "0.7494 (-0.0006; within 0.0005: missed)"},
      {Arithmetic::kBf16, -0.0029, "0.7471 (-0.0029; within 0.003: met)"},
      {Arithmetic::kBf16, 0.0031, "0.7531 (+0.0031; within 0.003: missed)"},
      {Arithmetic::kInt8, 0.0099, "0.7599 (+0.0099; within 0.01: met)"},
      {Arithmetic::kInt8Winograd, -0.0101,
       "0.7399 (-0.0101; within 0.01: missed)"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(JudgeAuc(c.arithmetic, exact + c.difference, exact), c.words);
  }
}

}  // namespace
}  // namespace nevus
