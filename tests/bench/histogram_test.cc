#include "tests/bench/histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(HistogramTest, IsWithinOnePercentOfSortedValues) {
  std::mt19937 random(7);
  std::lognormal_distribution<double> draw(-3, 2);
  LatencyHistogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(draw(random));
    histogram.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const size_t rank = std::ceil(share * values.size()) - 1;
    EXPECT_NEAR(histogram.Percentile(share) / values[rank], 1, 0.01) << share;
  }
}

TEST(HistogramTest, WhatIsTooSmallOrTooLargeIsKeptAtTheEnds) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.Percentile(0.5), 0);
  histogram.Add(0);
  EXPECT_NEAR(histogram.Percentile(1), 1e-6, 1e-8);
  histogram.Add(1e9);
  EXPECT_GT(histogram.Percentile(1), 60'000);
  EXPECT_EQ(histogram.count(), 2);
}

}  // namespace
}  // namespace nevus
