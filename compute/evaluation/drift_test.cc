// Expected values are NumPy 1.24's and SciPy 1.10's: np.quantile,
// special.kolmogorov, stats.ks_2samp, stats.chi2, and for the index
//   e = np.array(e) + .5; a = np.array(a) + .5; e /= e.sum(); a /= a.sum()
//   ((a - e) * np.log(a / e)).sum()
#include "compute/evaluation/drift.h"

#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;
using testing::SizeIs;

std::vector<double> Uniform(size_t count, double low, double high,
                            uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<double> values(count);
  for (double& value : values) {
    value = low + (high - low) * (random() / 4294967296.0);
  }
  return values;
}

std::vector<float> Floats(const std::vector<double>& values) {
  return std::vector<float>(values.begin(), values.end());
}

TEST(DecilesTest, AreThoseOfNumPy) {
  EXPECT_THAT(
      Deciles({0.9, 0.02, 0.05, 0.05, 0.11, 0.14, 0.2, 0.31, 0.42, 0.55}),
      Pointwise(DoubleNear(1e-15),
                {0.047, 0.05, 0.092, 0.128, 0.17, 0.244, 0.343, 0.446, 0.585}));
  EXPECT_THAT(Deciles({3}), ElementsAre(3, 3, 3, 3, 3, 3, 3, 3, 3));
}

TEST(PopulationStabilityIndexTest, AgreesWithNumPy) {
  const std::vector<double> even(10, 100);
  EXPECT_NEAR(
      PopulationStabilityIndex(even, {5, 15, 10, 10, 12, 8, 10, 10, 10, 10}),
      0.05668366304816996, 1e-14);
  EXPECT_NEAR(PopulationStabilityIndex(even, {0, 0, 0, 0, 0, 0, 0, 0, 50, 150}),
              4.294526584988252, 1e-13);
  EXPECT_EQ(PopulationStabilityIndex(even, even), 0);
}

TEST(PsiByChanceTest, IsAQuantileOfChiSquare) {
  EXPECT_NEAR(PsiByChance(1000, 200), 0.12999596600077154, 1e-15);
}

// 200 pairs of samples of one population: one in a hundred is beyond it.
TEST(PsiByChanceTest, IsSeldomExceededWithoutDrift) {
  int beyond = 0;
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    const DriftBaseline baseline = MakeBaseline(
        Uniform(1000, 0, 1, seed), Floats(Uniform(10, 0, 1, seed)), 1);
    const Drift drift = ScoreDrift(baseline, Uniform(200, 0, 1, 1000 + seed));
    if (drift.psi > drift.psi_by_chance) ++beyond;
  }
  EXPECT_LE(beyond, 8);  // P(> 8) < 1e-3 at 1 in 100
}

TEST(TwoSampleKsTest, AgreesWithSciPyAlsoWithTies) {
  const KolmogorovSmirnov ks = TwoSampleKs(
      {0.1, 0.2, 0.2, 0.3, 0.5, 0.7}, {0.2, 0.4, 0.5, 0.6, 0.8, 0.9, 0.95});
  EXPECT_NEAR(ks.statistic, 0.5238095238095237, 1e-15);
  EXPECT_NEAR(ks.p, 0.3380176563989661, 1e-14);

  std::vector<double> x;
  std::vector<double> y;
  for (int i = 0; i < 200; ++i) x.push_back(i / 200.0);
  for (int i = 0; i < 300; ++i) y.push_back(i / 300.0 * 0.8 + 0.1);
  const KolmogorovSmirnov large = TwoSampleKs(x, y);
  EXPECT_NEAR(large.statistic, 0.10333333333333333, 1e-14);
  EXPECT_NEAR(large.p, 0.1541270704902871, 1e-13);
}

TEST(TwoSampleKsTest, TheExtremes) {
  EXPECT_EQ(TwoSampleKs({1, 2}, {1, 2}).statistic, 0);
  EXPECT_EQ(TwoSampleKs({1, 2}, {1, 2}).p, 1);
  EXPECT_EQ(TwoSampleKs({1, 2}, {3, 4}).statistic, 1);
}

TEST(MakeBaselineTest, KeepsFewScoresAsTheyAreAndManyByRank) {
  const DriftBaseline few = MakeBaseline({0.9, 0.1, 0.5}, {1}, 1);
  EXPECT_THAT(few.scores, ElementsAre(0.1, 0.5, 0.9));
  EXPECT_EQ(few.score_rows, 3);

  std::vector<double> many;
  for (int i = 0; i < 5000; ++i) many.push_back(i);
  const DriftBaseline baseline = MakeBaseline(many, {1}, 1);
  ASSERT_THAT(baseline.scores, SizeIs(1000));
  // The middle of each five.
  EXPECT_EQ(baseline.scores.front(), 2);
  EXPECT_EQ(baseline.scores[1], 7);
  EXPECT_EQ(baseline.scores.back(), 4997);
  EXPECT_EQ(baseline.score_rows, 5000);
}

TEST(MakeBaselineTest, WatchesDimensionsAcrossTheWholeFeature) {
  const int dimension = 640;
  const std::vector<float> features = Floats(Uniform(20 * 640, 0, 1, 1));
  const DriftBaseline baseline = MakeBaseline({0.5}, features, dimension);
  ASSERT_THAT(baseline.dimensions, SizeIs(64));
  EXPECT_EQ(baseline.dimensions[0], 0);
  EXPECT_EQ(baseline.dimensions[63], 630);
  EXPECT_EQ(baseline.feature_rows, 20);
  EXPECT_THAT(CheckBaseline(baseline, dimension), IsOk());
  for (size_t i = 0; i < 64; ++i) {
    float all = 0;
    for (int bin = 0; bin < 10; ++bin) all += baseline.fractions[10 * i + bin];
    EXPECT_NEAR(all, 1, 1e-5);
  }
}

TEST(FeatureBinsTest, AreCountedByTheDecilesBelow) {
  // One column of 0 to 10: deciles 1 to 9.
  std::vector<float> column;
  for (int i = 0; i <= 10; ++i) column.push_back(static_cast<float>(i));
  const DriftBaseline baseline = MakeBaseline({0.5}, column, 1);
  const auto bin = [&](float value) {
    return static_cast<int>(FeatureBins(baseline.dimensions.data(), 1,
                                        baseline.deciles.data(), &value)[0]);
  };
  EXPECT_EQ(bin(-5), 0);
  EXPECT_EQ(bin(0.5), 0);
  EXPECT_EQ(bin(1.5), 1);
  EXPECT_EQ(bin(8.5), 8);
  EXPECT_EQ(bin(100), 9);
}

// A network's feature is often zero: equal deciles part nothing.
TEST(FeatureBinsTest, ZerosFallWhereTheyFellInTraining) {
  const DriftBaseline baseline =
      MakeBaseline({0.5}, {0, 0, 0, 0, 0, 0, 0, 0, 1, 2}, 1);
  const float zero = 0;
  const int bin = FeatureBins(baseline.dimensions.data(), 1,
                              baseline.deciles.data(), &zero)[0];
  EXPECT_NEAR(baseline.fractions[bin], 0.8, 1e-6);
}

class DriftTest : public testing::Test {
 protected:
  DriftTest()
      : baseline_(MakeBaseline(Uniform(400, 0, 1, 1),
                               Floats(Uniform(1000 * 4, 0, 1, 2)), 4)) {}

  // Bins of `rows` features of 4 numbers in a range.
  Drift DriftOf(size_t rows, double low, double high) {
    const std::vector<float> features = Floats(Uniform(4 * rows, low, high, 3));
    std::vector<std::string> bins;
    for (size_t row = 0; row < rows; ++row) {
      bins.push_back(FeatureBins(baseline_.dimensions.data(), 4,
                                 baseline_.deciles.data(), &features[4 * row]));
    }
    return FeatureDrift(
        baseline_, std::vector<std::string_view>(bins.begin(), bins.end()));
  }

  const DriftBaseline baseline_;
};

TEST_F(DriftTest, TheSamePopulationIsStable) {
  const Drift scores = ScoreDrift(baseline_, Uniform(500, 0, 1, 5));
  EXPECT_EQ(scores.verdict, DriftVerdict::kStable) << scores.reason;
  const Drift features = DriftOf(500, 0, 1);
  EXPECT_EQ(features.verdict, DriftVerdict::kStable) << features.reason;
  EXPECT_THAT(features.reason, HasSubstr("no change beyond chance"));
}

TEST_F(DriftTest, AnotherPopulationHasDrifted) {
  const Drift scores = ScoreDrift(baseline_, Uniform(500, 0.5, 1, 5));
  EXPECT_EQ(scores.verdict, DriftVerdict::kDrifted) << scores.reason;
  EXPECT_LT(scores.ks.p, 1e-6);
  const Drift features = DriftOf(500, 0.5, 1.5);
  EXPECT_EQ(features.verdict, DriftVerdict::kDrifted) << features.reason;
  EXPECT_GE(features.worst_psi, features.psi);
  EXPECT_THAT(features.reason, HasSubstr("another population"));
}

TEST_F(DriftTest, ASlightChangeIsShifting) {
  const Drift scores = ScoreDrift(baseline_, Uniform(2000, 0, 0.92, 5));
  EXPECT_EQ(scores.verdict, DriftVerdict::kShifting) << scores.reason;
}

TEST_F(DriftTest, FewPredictionsSayNothing) {
  const Drift scores = ScoreDrift(baseline_, Uniform(99, 0.9, 1, 5));
  EXPECT_EQ(scores.verdict, DriftVerdict::kUnknown);
  EXPECT_THAT(scores.reason, HasSubstr("99 predictions"));
  EXPECT_EQ(DriftOf(99, 0, 1).verdict, DriftVerdict::kUnknown);
}

TEST_F(DriftTest, WithoutABaselineNothingIsSaid) {
  const Drift scores = ScoreDrift(DriftBaseline(), Uniform(500, 0, 1, 5));
  EXPECT_EQ(scores.verdict, DriftVerdict::kUnknown);
  EXPECT_THAT(scores.reason, HasSubstr("no baseline"));
  EXPECT_THAT(FeatureDrift(DriftBaseline(), {}).reason,
              HasSubstr("no baseline"));
}

TEST_F(DriftTest, BinsOfAnotherBaselineAreLeftOut) {
  const std::vector<std::string_view> bins(200, "abc");
  EXPECT_THAT(FeatureDrift(baseline_, bins).reason, HasSubstr("0 predictions"));
}

TEST(CheckBaselineTest, NamesWhatIsWrong) {
  const DriftBaseline good =
      MakeBaseline({0.1, 0.5, 0.9}, {1, 2, 3, 4, 5, 6}, 2);
  EXPECT_THAT(CheckBaseline(good, 2), IsOk());
  EXPECT_THAT(CheckBaseline(DriftBaseline(), 2), IsOk());
  DriftBaseline bad = good;
  bad.deciles.pop_back();
  EXPECT_EQ(ReasonOf(CheckBaseline(bad, 2)), "BASELINE_INVALID");
  bad = good;
  bad.scores = {0.5, 0.1};
  EXPECT_THAT(CheckBaseline(bad, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, "rise"));
  bad = good;
  bad.scores[0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(CheckBaseline(bad, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, "finite"));
  EXPECT_THAT(CheckBaseline(good, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, "dimension 1 of 1"));
  bad = good;
  bad.dimensions[1] = 0;
  EXPECT_THAT(CheckBaseline(bad, 2),
              StatusIs(absl::StatusCode::kInvalidArgument, "twice"));
}

}  // namespace
}  // namespace nevus
