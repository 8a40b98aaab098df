// The program that tools/gpu-check compiles, on the processor: it agrees with
// the eager network, and says what is wrong where there is no GPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/process.h"

namespace nevus {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr char kProgram[] = "tests/bench/gpu-check";

TEST(GpuCheckTest, TheProcessorAgreesWithItself) {
  const CommandResult result =
      RunCommand({kProgram, "--device", "cpu", "--input-size", "32",
                  "--batches", "3,8", "--images", "8", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, ContainsRegex("fp32 +3 +[0-9.e-]+ +yes"));
  EXPECT_THAT(result.out, ContainsRegex("bf16 +8 +[0-9.e-]+ +yes"));
  EXPECT_THAT(result.out, HasSubstr("all as it should be"));
}

TEST(GpuCheckTest, SaysWhatIsMissing) {
  // No machine has so many, and this build has no CUDA.
  const CommandResult missing = RunCommand({kProgram, "--device", "cuda:999"});
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_THAT(missing.err, HasSubstr("gpu-check: device cuda:999 "));
  const CommandResult wrong = RunCommand({kProgram, "--batches", "1,,8"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--batches was given \"1,,8\""));
}

}  // namespace
}  // namespace nevus
