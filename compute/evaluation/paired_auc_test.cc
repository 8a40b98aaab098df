#include "compute/evaluation/paired_auc.h"

#include <cstddef>
#include <vector>

#include "compute/evaluation/testdata/comparison_golden.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<Scored> Cases(const std::vector<double>& scores,
                          const std::vector<int>& labels) {
  std::vector<Scored> scored;
  for (size_t i = 0; i < scores.size(); ++i) {
    scored.push_back({scores[i], labels[i] == 1});
  }
  return scored;
}

TEST(PairedAucTest, AgreesWithTheDefinitionInNumPy) {
  for (const ComparisonGolden& golden : kComparisonGoldens) {
    SCOPED_TRACE(golden.name);
    const PairedAuc found = ComparePaired(Cases(golden.a, golden.labels),
                                          Cases(golden.b, golden.labels));
    EXPECT_NEAR(found.a.auc, golden.delong[0], 1e-12);
    EXPECT_NEAR(found.b.auc, golden.delong[1], 1e-12);
    EXPECT_NEAR(found.difference, golden.delong[2], 1e-12);
    EXPECT_NEAR(found.standard_error, golden.delong[3], 1e-12);
    EXPECT_NEAR(found.p_value, golden.delong[4], 1e-10);
    EXPECT_NEAR(found.ci95.high - found.difference, 1.959964 * golden.delong[3],
                1e-6);
  }
}

TEST(PairedAucTest, TheSameRanksAreNoDifference) {
  const std::vector<int> labels = {0, 1, 0, 1, 1};
  const PairedAuc found =
      ComparePaired(Cases({0.1, 0.4, 0.5, 0.6, 0.9}, labels),
                    Cases({0.01, 0.04, 0.05, 0.06, 0.09}, labels));
  EXPECT_EQ(found.difference, 0);
  EXPECT_EQ(found.standard_error, 0);
  EXPECT_EQ(found.p_value, 1);
}

TEST(PairedAucTest, OneCaseOfAClassProvesNothing) {
  const std::vector<int> labels = {0, 1, 0};
  const PairedAuc found = ComparePaired(Cases({0.1, 0.9, 0.2}, labels),
                                        Cases({0.9, 0.1, 0.8}, labels));
  EXPECT_EQ(found.difference, 1);
  EXPECT_EQ(found.p_value, 1);
  EXPECT_EQ(found.ci95.low, -1);
}

}  // namespace
}  // namespace nevus
