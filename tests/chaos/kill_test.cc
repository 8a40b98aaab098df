// The crash test at the length of CI: see kill_round.h. nevus-chaos runs the
// same for as long as one likes.
#include <iostream>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "tests/chaos/kill_round.h"

namespace nevus::chaos {
namespace {

TEST(KillTest, NothingAcknowledgedIsLost) {
  RunOptions options;
  options.seed = 1;
  options.kills = 100;
  const auto report = RunRounds(
      options, [](const std::string& line) { std::cout << line << std::endl; });
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->sum.findings.empty())
      << ToText(*report) << "replay a seed N with: nevus-chaos --kills 1 "
      << "--seed N\n"
      << report->sum.logs;
  std::cout << ToText(*report);
  // A load that got nothing done would find nothing.
  EXPECT_GT(report->sum.versions, 0);
  EXPECT_GT(report->sum.jobs, 0);
  EXPECT_GT(report->sum.promotions, 0);
  EXPECT_GT(report->sum.sweeps, 0);
  // Every kind of process had its turn.
  EXPECT_EQ(report->sum.kills.size(), 8u);
}

}  // namespace
}  // namespace nevus::chaos
