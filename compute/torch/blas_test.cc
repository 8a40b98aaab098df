#include "compute/torch/blas.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::HasSubstr;

TEST(BlasTest, NamesTheLibraryAndSaysWhatIsWrongIfAnythingIs) {
  const BlasInfo blas = MeasureBlas(/*threads=*/1);
  EXPECT_THAT(blas.library, HasSubstr("blas"));
  EXPECT_GT(blas.gflops, 0);
  if (!blas.problem.empty()) {
    EXPECT_THAT(blas.problem, HasSubstr("libopenblas0-pthread"));
  }
}

}  // namespace
}  // namespace nevus
