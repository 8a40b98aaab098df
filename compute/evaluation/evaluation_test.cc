#include "compute/evaluation/evaluation.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

const std::vector<Scored> kFive = {
    {0.9, true}, {0.5, true}, {0.6, false}, {0.4, false}, {0.1, false}};

TEST(EvaluationTest, CountsDecisionsAtEachOperatingPoint) {
  const auto evaluation = Evaluate(kFive, {{"half", 0.5}, {"never", 2}});
  ASSERT_THAT(evaluation, IsOk());
  EXPECT_EQ(evaluation->positives, 2);
  EXPECT_EQ(evaluation->negatives, 3);
  EXPECT_DOUBLE_EQ(evaluation->auc.auc, 5.0 / 6);  // 0.5 < 0.6 is the one lost
  ASSERT_EQ(evaluation->points.size(), 2u);

  const AtPoint& half = evaluation->points[0];
  EXPECT_EQ(half.point.name, "half");
  EXPECT_EQ(half.confusion.tp, 2);  // A score of 0.5 is positive at 0.5.
  EXPECT_EQ(half.confusion.fp, 1);
  EXPECT_EQ(half.confusion.tn, 2);
  EXPECT_EQ(half.confusion.fn, 0);
  EXPECT_EQ(half.sensitivity, 1);
  EXPECT_DOUBLE_EQ(half.specificity, 2.0 / 3);
  EXPECT_DOUBLE_EQ(half.ppv, 2.0 / 3);
  EXPECT_EQ(half.npv, 1);
  EXPECT_EQ(half.sensitivity_ci95.low, Wilson(2, 2).low);
  EXPECT_EQ(half.specificity_ci95.high, Wilson(2, 3).high);

  const AtPoint& never = evaluation->points[1];
  EXPECT_EQ(never.sensitivity, 0);
  EXPECT_TRUE(std::isnan(never.ppv));
  EXPECT_DOUBLE_EQ(never.npv, 0.6);
}

TEST(EvaluationTest, AbstentionIsCountedBesideAllCases) {
  // Without 0.5 (positive) and 0.1: 0.9 > 0.6, 0.9 > 0.4.
  const AbstentionSummary summary =
      SummariseAbstention(kFive, {false, true, false, false, true}, 48.5);
  EXPECT_EQ(summary.cases, 5);
  EXPECT_EQ(summary.abstained, 2);
  EXPECT_EQ(summary.positives, 1);
  EXPECT_EQ(summary.threshold, 48.5);
  EXPECT_EQ(summary.auc_of_others, 1.0);
  EXPECT_FALSE(SummariseAbstention(kFive, {true, true, false, false, false}, 1)
                   .auc_of_others.has_value());
}

TEST(EvaluationTest, SumsUpByLabel) {
  const auto evaluation =
      Evaluate(kFive, {{"half", 0.5}},
               {"melanoma", "melanoma", "keratosis", "nevus", "nevus"});
  ASSERT_THAT(evaluation, IsOk());
  ASSERT_EQ(evaluation->by_label.size(), 3u);
  const LabelSummary& nevus = evaluation->by_label.at("nevus");
  EXPECT_EQ(nevus.count, 2);
  EXPECT_DOUBLE_EQ(nevus.mean_score, 0.25);
  EXPECT_THAT(nevus.called_positive, ElementsAre(0));
  EXPECT_THAT(evaluation->by_label.at("keratosis").called_positive,
              ElementsAre(1));
}

TEST(EvaluationTest, RefusesWhatCannotBeJudged) {
  const struct {
    std::vector<Scored> scored;
    std::vector<OperatingPoint> points;
    std::vector<std::string> labels;
    absl::StatusCode code;
    const char* reason;
  } table[] = {
      {{}, {}, {}, absl::StatusCode::kFailedPrecondition, "CLASS_MISSING"},
      {{{0.1, true}, {0.2, true}},
       {},
       {},
       absl::StatusCode::kFailedPrecondition,
       "CLASS_MISSING"},
      {{{0.1, true}, {1.5, false}},
       {},
       {},
       absl::StatusCode::kInvalidArgument,
       "BAD_SCORE"},
      {kFive, {}, {"one"}, absl::StatusCode::kInvalidArgument, "BAD_LABELS"},
      {kFive,
       {{"p", std::numeric_limits<double>::quiet_NaN()}},
       {},
       absl::StatusCode::kInvalidArgument,
       "BAD_THRESHOLD"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.reason);
    const auto evaluation = Evaluate(row.scored, row.points, row.labels);
    EXPECT_THAT(evaluation, StatusIs(row.code, ". "));
    EXPECT_EQ(ReasonOf(evaluation.status()), row.reason);
  }
}

}  // namespace
}  // namespace nevus
