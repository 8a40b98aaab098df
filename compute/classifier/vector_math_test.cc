#include "compute/classifier/vector_math.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// Around the widths of vector registers, where loops go wrong.
const size_t kSizes[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 1000};

std::vector<float> Random(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(random() % 20001) / 10000 - 1;
  }
  return values;
}

// Plain loops; the compiler must not fuse in them either (BUILD).
TEST(VectorMathTest, SumsAndStandardisingAreThePlainLoopsBitForBit) {
  for (const size_t count : kSizes) {
    SCOPED_TRACE(count);
    const std::vector<float> row = Random(count, 1), mean = Random(count, 2),
                             scale = Random(count, 3);
    const std::vector<double> centre(mean.begin(), mean.end());
    std::vector<double> sum(count, 0.1), squares(count, 0.1);
    std::vector<float> z(count);
    AddTo(row.data(), count, sum.data());
    AddSquaredDistance(row.data(), centre.data(), count, squares.data());
    Standardise(row.data(), mean.data(), scale.data(), count, z.data());
    for (size_t i = 0; i < count; ++i) {
      const double off = row[i] - centre[i];
      volatile const double square = off * off;
      EXPECT_EQ(sum[i], 0.1 + row[i]);
      EXPECT_EQ(squares[i], 0.1 + square);
      EXPECT_EQ(z[i], (row[i] - mean[i]) * scale[i]);
    }
  }
}

TEST(VectorMathTest, OneNumberThatIsNotFiniteIsFoundAnywhere) {
  for (const size_t count : kSizes) {
    std::vector<float> row = Random(count, 4);
    EXPECT_TRUE(AllFinite(row.data(), count));
    for (size_t i = 0; i < count; ++i) {
      const float before = row[i];
      for (const float bad :
           {std::nanf(""), std::numeric_limits<float>::infinity(),
            -std::numeric_limits<float>::infinity()}) {
        row[i] = bad;
        EXPECT_FALSE(AllFinite(row.data(), count)) << i;
      }
      row[i] = before;
    }
  }
}

// The formulas of the papers in double. A float step is off by some roundings
// of 2^-24 of the largest term, 2.
TEST(VectorMathTest, AdamsStepIsThatOfThePapers) {
  AdamStep step{0.9f, 0.999f, 1e-8f, 0.75f, 0.05f, 1.5f};
  for (const size_t count : kSizes) {
    const std::vector<float> gradient = Random(count, 5);
    std::vector<float> value = Random(count, 6), mean = Random(count, 7);
    std::vector<float> square = Random(count, 8);
    for (float& v : square) v = std::abs(v);
    const std::vector<float> value0 = value, mean0 = mean, square0 = square;
    Apply(step, gradient.data(), count, value.data(), mean.data(),
          square.data());
    for (size_t i = 0; i < count; ++i) {
      const double g = gradient[i];
      const double m = 0.9 * mean0[i] + 0.1 * g;
      const double v = 0.999 * square0[i] + 0.001 * g * g;
      EXPECT_NEAR(mean[i], m, 4 * 0x1p-24);
      EXPECT_NEAR(square[i], v, 4 * 0x1p-24);
      const double expected =
          0.75 * value0[i] - 0.05 * m / (1.5 * std::sqrt(v) + 1e-8);
      EXPECT_NEAR(value[i], expected,
                  8 * 0x1p-24 * (1 + std::abs(m) / (std::sqrt(v) + 1e-8)));
    }
  }
}

}  // namespace
}  // namespace nevus
