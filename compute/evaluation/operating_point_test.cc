#include "compute/evaluation/operating_point.h"

#include <cstddef>
#include <limits>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using Kind = OperatingPointRule::Kind;

std::vector<OperatingPoint> Chosen(const std::vector<Scored>& scored,
                                   const std::vector<OperatingPointRule>&
                                       rules = DefaultOperatingPointRules()) {
  const absl::StatusOr<std::vector<ChosenPoint>> chosen =
      ChooseOperatingPoints(scored, rules);
  EXPECT_THAT(chosen, IsOk());
  std::vector<OperatingPoint> points(rules.size());
  for (size_t i = 0; chosen.ok() && i < points.size(); ++i) {
    points[i] = (*chosen)[i].point;
  }
  return points;
}

// Two positives, three negatives.
const std::vector<Scored> kFive = {
    {0.9, true}, {0.6, false}, {0.5, true}, {0.4, false}, {0.1, false}};

TEST(OperatingPointTest, YoudenMaximisesSensitivityPlusSpecificity) {
  // Threshold: sensitivity + specificity. 0.9: 1/2 + 1; 0.6: 1/2 + 2/3;
  // 0.5: 1 + 2/3 (the greatest); 0.4: 1 + 1/3; 0.1: 1 + 0.
  const auto points = Chosen(
      {{0.9, true}, {0.5, true}, {0.6, false}, {0.4, false}, {0.1, false}});
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].name, "youden");
  EXPECT_EQ(points[0].threshold, 0.5);
}

TEST(OperatingPointTest, YoudensTiesGoToTheHigherSensitivity) {
  // 0.9: 1/2 + 1 and 0.5: 1 + 1/2 are equal.
  EXPECT_EQ(Chosen({{0.9, true}, {0.6, false}, {0.5, true}, {0.4, false}})[0]
                .threshold,
            0.5);
  // A classifier that knows nothing: one threshold, everyone is positive.
  EXPECT_EQ(Chosen({{0.5, true}, {0.5, false}})[0].threshold, 0.5);
}

TEST(OperatingPointTest, ExactlyNineteenOfTwentyIsASensitivityOf95Percent) {
  std::vector<Scored> scored = {{0.05, false}};
  for (int i = 1; i <= 20; ++i) scored.push_back({i / 100.0, true});
  const auto points = Chosen(scored);
  EXPECT_EQ(points[1].name, "sensitivity_95");
  EXPECT_EQ(points[1].threshold, 0.02);  // 0.02 to 0.20 are nineteen.
}

TEST(OperatingPointTest, TheFirstRuleIsTheFirstPoint) {
  const auto points = Chosen(kFive, {{"screening", Kind::kSensitivity, 1},
                                     {"biopsy", Kind::kSpecificity, 1}});
  EXPECT_EQ(points[0].name, "screening");
  EXPECT_EQ(points[0].threshold, 0.5);
  EXPECT_EQ(points[1].name, "biopsy");
  EXPECT_EQ(points[1].threshold, 0.9);
}

TEST(OperatingPointTest, ASpecificityIsReachedByTheLowestThreshold) {
  // 2 of 3 negatives are below 0.5 and below 0.6 - not below 0.4.
  EXPECT_EQ(Chosen(kFive, {{"p", Kind::kSpecificity, 2.0 / 3}})[0].threshold,
            0.5);
  // The highest score is a negative's: only calling nobody will do.
  const double above =
      Chosen({{0.9, false}, {0.5, true}}, {{"p", Kind::kSpecificity, 1}})[0]
          .threshold;
  EXPECT_GT(above, 0.9);
  EXPECT_LT(above, 0.9000001);
}

TEST(OperatingPointTest, ACostRatioWeighsMissesAgainstFalseAlarms) {
  // Threshold: misses, false alarms. inf: 2, 0; 0.9: 1, 0; 0.6: 1, 1;
  // 0.5: 0, 1; 0.4: 0, 2; 0.1: 0, 3.
  const auto at = [&](double ratio) {
    return Chosen(kFive, {{"p", Kind::kCostRatio, ratio}})[0].threshold;
  };
  EXPECT_EQ(at(10), 0.5);   // 1 < 10
  EXPECT_EQ(at(0.5), 0.9);  // 0.5 < 1
  EXPECT_EQ(at(1), 0.5);    // equal: the more sensitive
  EXPECT_EQ(at(1e-9), 0.9);
}

TEST(OperatingPointTest, APointSaysHowItWasChosenAndOnWhat) {
  const ChosenPoint point =
      ChooseOperatingPoints(kFive, {{"p", Kind::kSensitivity, 0.95}})
          .value()[0];
  EXPECT_EQ(point.rule, "sensitivity >= 0.95");
  EXPECT_EQ(point.confusion.tp, 2);
  EXPECT_EQ(point.confusion.fp, 1);
  EXPECT_EQ(point.confusion.tn, 2);
  EXPECT_EQ(point.confusion.fn, 0);
}

TEST(OperatingPointTest, AValueOutOfRangeIsRefused) {
  for (const OperatingPointRule& rule :
       {OperatingPointRule{"p", Kind::kSensitivity, 95},
        OperatingPointRule{"p", Kind::kSensitivity, 0},
        OperatingPointRule{"p", Kind::kSpecificity, -1},
        OperatingPointRule{"p", Kind::kCostRatio, 0},
        OperatingPointRule{"p", Kind::kCostRatio,
                           std::numeric_limits<double>::infinity()}}) {
    const absl::Status status = ChooseOperatingPoints(kFive, {rule}).status();
    EXPECT_EQ(ReasonOf(status), "OPERATING_POINT_INVALID") << RuleText(rule);
  }
}

TEST(OperatingPointTest, OneClassOrABadScoreIsRefused) {
  EXPECT_THAT(ChooseOperatingPoints({{0.5, true}}, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "1 positive and 0 negative"));
  EXPECT_THAT(ChooseOperatingPoints({}, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "0 positive and 0 negative"));
  const absl::Status bad =
      ChooseOperatingPoints(
          {{0.5, true}, {std::numeric_limits<double>::quiet_NaN(), false}}, {})
          .status();
  EXPECT_THAT(bad,
              StatusIs(absl::StatusCode::kInvalidArgument, "row 1 is nan"));
  EXPECT_EQ(ReasonOf(bad), "BAD_SCORE");
}

}  // namespace
}  // namespace nevus
