#include "compute/torch/blas.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::HasSubstr;

TEST(BlasTest, LibTorchMultipliesWithOpenBlas) {
  const BlasInfo blas = MeasureBlas(/*threads=*/1);
  EXPECT_THAT(blas.library, HasSubstr("openblas"));
  EXPECT_GT(blas.gflops, 0);
  // A machine too busy to reach ten is not this test's concern.
  if (blas.gflops >= 10) {
    EXPECT_EQ(blas.problem, "");
  } else {
    EXPECT_THAT(blas.problem, HasSubstr("libopenblas0-pthread"));
  }
}

}  // namespace
}  // namespace nevus
