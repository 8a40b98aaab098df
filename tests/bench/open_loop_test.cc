#include "tests/bench/open_loop.h"

#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(OpenLoopTest, SchedulesHaveTheirRateAndAPoissonOneRepeats) {
  EXPECT_EQ(EvenSchedule(4, 1), (std::vector<double>{0, 0.25, 0.5, 0.75}));
  const std::vector<double> poisson = PoissonSchedule(100, 100, 1);
  // 10,000 expected, with a standard deviation of 100.
  EXPECT_NEAR(poisson.size(), 10'000, 500);
  EXPECT_EQ(poisson, PoissonSchedule(100, 100, 1));
  EXPECT_NE(poisson, PoissonSchedule(100, 100, 2));
}

TEST(OpenLoopTest, APerfectServerTakesTheServiceTimeWhenNothingWaits) {
  const LatencyHistogram alone = PerfectServer(EvenSchedule(1, 100), 0.5);
  EXPECT_NEAR(alone.Percentile(1), 0.5, 0.005);
}

// The mean of what waits at a server with Poisson arrivals and a fixed service
// time is load / (2 (1 - load)) services (Pollaczek and Khinchine): 1.167 at
// 0.7. The histogram gives the mean to within a bucket.
TEST(OpenLoopTest, APerfectServerWaitsAsQueueingTheorySays) {
  const LatencyHistogram latency =
      PerfectServer(PoissonSchedule(0.7, 1'000'000, 3), 1);
  double mean = 0;
  for (int i = 0; i < 1000; ++i) {
    mean += latency.Percentile((i + 0.5) / 1000) / 1000;
  }
  EXPECT_NEAR(mean, 1 + 0.7 / (2 * 0.3), 0.05);
}

}  // namespace
}  // namespace nevus
