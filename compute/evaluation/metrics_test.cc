#include "compute/evaluation/metrics.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <vector>

#include "compute/evaluation/testdata/metrics_golden.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::DoubleNear;

// A hundred times the rounding of a sum of some tens of numbers near 1.
constexpr double kTolerance = 1e-12;

std::vector<Scored> Cases(const std::vector<double>& positives,
                          const std::vector<double>& negatives) {
  std::vector<Scored> scored;
  for (const double score : positives) scored.push_back({score, true});
  for (const double score : negatives) scored.push_back({score, false});
  return scored;
}

std::vector<Scored> Cases(const MetricsGolden& golden) {
  std::vector<Scored> scored;
  for (size_t i = 0; i < golden.scores.size(); ++i) {
    scored.push_back({golden.scores[i], golden.labels[i] == 1});
  }
  return scored;
}

// A few distinct values only, so that there are many ties.
std::vector<Scored> RandomCases(std::mt19937& random) {
  std::vector<Scored> scored = Cases({0.5}, {0.5});
  const int count = 1 + static_cast<int>(random() % 30);
  const int values = 2 + static_cast<int>(random() % 20);
  for (int i = 0; i < count; ++i) {
    scored.push_back(
        {static_cast<double>(random() % values) / values, random() % 3 == 0});
  }
  return scored;
}

// The definition, in m x n steps.
double AucByDefinition(const std::vector<Scored>& scored) {
  double wins = 0;
  int pairs = 0;
  for (const Scored& a : scored) {
    for (const Scored& b : scored) {
      if (!a.positive || b.positive) continue;
      ++pairs;
      wins += a.score > b.score ? 1 : a.score == b.score ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

// Positives 3 and 5 against negatives 1, 3 and 4:
//        1    3    4   mean
//   3    1   1/2   0   0.5
//   5    1    1    1   1
// mean   1  0.75  0.5  0.75 = AUC
// The means of the rows have variance 0.125, over 2 of them 0.0625; those of
// the columns 0.0625, over 3 of them 0.0208333. Together 1/12.
TEST(AucTest, TiesCountHalfInACaseWorkedOutByHand) {
  const AucResult result = DeLongAuc(Cases({3, 5}, {1, 3, 4}));
  EXPECT_DOUBLE_EQ(result.auc, 0.75);
  EXPECT_DOUBLE_EQ(result.standard_error, std::sqrt(1.0 / 12));
  // 0.75 -+ 1.959964 x 0.288675 = 0.184207 and 1.3158, clipped.
  EXPECT_NEAR(result.ci95.low, 0.184207, 1e-6);
  EXPECT_EQ(result.ci95.high, 1);
}

TEST(AucTest, AClassOfOneLeavesTheIntervalWide) {
  const AucResult result = DeLongAuc(Cases({0.8}, {0.1, 0.2}));
  EXPECT_EQ(result.auc, 1);
  EXPECT_EQ(result.standard_error, 0.5);
  EXPECT_NEAR(result.ci95.low, 1 - 0.5 * 1.959964, 1e-6);
}

TEST(AucTest, RanksAgreeWithTheDefinitionOnRandomTies) {
  std::mt19937 random(19880901);
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(round);
    const std::vector<Scored> scored = RandomCases(random);
    EXPECT_NEAR(Auc(scored), AucByDefinition(scored), kTolerance);
    EXPECT_EQ(DeLongAuc(scored).auc, Auc(scored));
  }
}

// The area under straight lines between the points is the AUC, ties included
// (Hanley and McNeil, 1982): curve and rank statistic check one another.
TEST(RocCurveTest, AreaUnderTheCurveIsTheAucOnRandomTies) {
  std::mt19937 random(20140101);
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(round);
    const std::vector<Scored> scored = RandomCases(random);
    const std::vector<RocPoint> roc = RocCurve(scored);
    double area = 0;
    for (size_t i = 1; i < roc.size(); ++i) {
      area += (roc[i - 1].specificity - roc[i].specificity) *
              (roc[i - 1].sensitivity + roc[i].sensitivity) / 2;
    }
    EXPECT_NEAR(area, AucByDefinition(scored), kTolerance);
    for (const RocPoint& point : roc) {
      const Confusion at = ConfusionAt(scored, point.threshold);
      EXPECT_EQ(at.tp, point.confusion.tp);
      EXPECT_EQ(at.fp, point.confusion.fp);
      EXPECT_EQ(at.tn, point.confusion.tn);
      EXPECT_EQ(at.fn, point.confusion.fn);
    }
  }
}

TEST(RocCurveTest, EqualScoresAreOnePointAndTheEndsAreFixed) {
  const std::vector<RocPoint> roc = RocCurve(Cases({3, 5}, {1, 3, 4}));
  // threshold, sensitivity, specificity; the tie at 3 moves both at once.
  const double expected[][3] = {{std::numeric_limits<double>::infinity(), 0, 1},
                                {5, 0.5, 1},
                                {4, 0.5, 2.0 / 3},
                                {3, 1, 1.0 / 3},
                                {1, 1, 0}};
  ASSERT_EQ(roc.size(), std::size(expected));
  for (size_t i = 0; i < roc.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(roc[i].threshold, expected[i][0]);
    EXPECT_DOUBLE_EQ(roc[i].sensitivity, expected[i][1]);
    EXPECT_DOUBLE_EQ(roc[i].specificity, expected[i][2]);
  }
}

// The first line of testdata/metrics_golden.h says what made them.
TEST(MetricsTest, AgreeWithScikitLearnAndWithDeLongsDefinition) {
  for (const MetricsGolden& golden : kMetricsGoldens) {
    SCOPED_TRACE(golden.name);
    const std::vector<Scored> scored = Cases(golden);
    const AucResult auc = DeLongAuc(scored);
    EXPECT_NEAR(auc.auc, golden.auc, kTolerance);
    EXPECT_NEAR(auc.standard_error, golden.delong_standard_error, kTolerance);
    EXPECT_NEAR(AveragePrecision(scored), golden.average_precision, kTolerance);
    EXPECT_NEAR(Brier(scored), golden.brier, kTolerance);
    std::vector<double> sensitivity;
    std::vector<double> specificity;
    for (const RocPoint& point : RocCurve(scored)) {
      sensitivity.push_back(point.sensitivity);
      specificity.push_back(point.specificity);
    }
    EXPECT_THAT(sensitivity,
                testing::Pointwise(DoubleNear(kTolerance), golden.sensitivity));
    EXPECT_THAT(specificity,
                testing::Pointwise(DoubleNear(kTolerance), golden.specificity));
  }
}

// Newcombe, Statistics in Medicine 17 (1998), table I, method 3, four digits;
// 10 of 100 by hand: centre (0.1 + 3.8415/200) / 1.038415 = 0.114797, half
// width 1.959964 sqrt(0.0009 + 3.8415/40000) / 1.038415 = 0.059568.
TEST(WilsonTest, AgreesWithPublishedIntervals) {
  const struct {
    int64_t successes, total;
    double low, high;
  } table[] = {{81, 263, 0.2553, 0.3662},
               {15, 148, 0.0624, 0.1605},
               {0, 20, 0, 0.1611},
               {1, 29, 0.0061, 0.1718},
               {10, 100, 0.0552, 0.1744},
               {20, 20, 0.8389, 1},
               {0, 0, 0, 1}};
  for (const auto& row : table) {
    SCOPED_TRACE(testing::Message() << row.successes << "/" << row.total);
    const Interval interval = Wilson(row.successes, row.total);
    EXPECT_NEAR(interval.low, row.low, 5e-5);
    EXPECT_NEAR(interval.high, row.high, 5e-5);
  }
}

TEST(PrecisionRecallTest, BeginsAtTheHighestScoreAndEndsAtThePrevalence) {
  // Called positive from the top: 5 (1 of 1 right), 4 (1 of 2), 3 twice (2 of
  // 4), 1 (2 of 5).
  const auto curve = PrecisionRecallCurve(Cases({3, 5}, {1, 3, 4}));
  const double expected[][3] = {
      {5, 0.5, 1}, {4, 0.5, 0.5}, {3, 1, 0.5}, {1, 1, 0.4}};
  ASSERT_EQ(curve.size(), std::size(expected));
  for (size_t i = 0; i < curve.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(curve[i].threshold, expected[i][0]);
    EXPECT_DOUBLE_EQ(curve[i].recall, expected[i][1]);
    EXPECT_DOUBLE_EQ(curve[i].precision, expected[i][2]);
  }
  // 0.5 x 1 + 0 x 0.5 + 0.5 x 0.5 + 0 x 0.4
  EXPECT_DOUBLE_EQ(AveragePrecision(Cases({3, 5}, {1, 3, 4})), 0.75);
}

TEST(CalibrationTest, BinsHoldEqualCountsAndNeverPartEqualScores) {
  // Three bins of six cases would be two each; the three 0.2 stay together.
  const auto bins = CalibrationBins(Cases({0.2, 0.8, 0.9}, {0.1, 0.2, 0.2}), 3);
  ASSERT_EQ(bins.size(), 2u);
  EXPECT_EQ(bins[0].count, 4);
  EXPECT_DOUBLE_EQ(bins[0].mean_score, 0.175);
  EXPECT_DOUBLE_EQ(bins[0].observed, 0.25);
  EXPECT_EQ(bins[1].count, 2);
  EXPECT_DOUBLE_EQ(bins[1].mean_score, 0.85);
  EXPECT_EQ(bins[1].observed, 1);
  EXPECT_EQ(bins[1].ci95.low, Wilson(2, 2).low);
}

TEST(CalibrationTest, EveryCaseIsInExactlyOneBin) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    const std::vector<Scored> scored = RandomCases(random);
    int64_t count = 0;
    for (const CalibrationBin& bin : CalibrationBins(scored, 10)) {
      EXPECT_GT(bin.count, 0);
      count += bin.count;
    }
    EXPECT_EQ(count, static_cast<int64_t>(scored.size()));
  }
}

}  // namespace
}  // namespace nevus
