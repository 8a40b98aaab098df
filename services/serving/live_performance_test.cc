#include "services/serving/live_performance.h"

#include <string>

#include "compute/evaluation/drift.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::HasSubstr;

v1::LoggedPrediction Make(const std::string& image, double probability,
                          const std::string& outcome = "") {
  v1::LoggedPrediction prediction;
  prediction.set_image_digest(image);
  prediction.set_probability(probability);
  prediction.set_threshold(0.5);
  prediction.set_positive(probability >= 0.5);
  prediction.set_finds("melanoma");
  if (!outcome.empty()) prediction.mutable_outcome()->set_label(outcome);
  return prediction;
}

// Hanley and McNeil by hand: of the 2 x 3 pairs of a positive and a negative
// (0.9 0.4; 0.6 0.4 0.1) four are in order and one is a tie: AUC 4.5 / 6.
TEST(LiveFiguresTest, CountsOutcomesByHand) {
  LiveFigures figures;
  // An abstention counts by its probability, as in an evaluation.
  v1::LoggedPrediction abstained = Make("a", 0.9, "melanoma");
  abstained.set_abstain(true);
  abstained.set_positive(false);
  figures.Add(abstained);
  figures.Add(Make("b", 0.4, "melanoma"));
  figures.Add(Make("c", 0.6, "nevus"));
  figures.Add(Make("d", 0.4, "seborrheic keratosis"));
  figures.Add(Make("e", 0.1, "nevus"));
  figures.Add(Make("f", 0.7));
  const v1::LivePerformance result = figures.Result(DriftBaseline());
  EXPECT_EQ(result.predictions(), 6);
  EXPECT_EQ(result.abstained(), 1);
  EXPECT_EQ(result.with_outcome(), 5);
  EXPECT_EQ(result.positives(), 2);
  EXPECT_EQ(result.negatives(), 3);
  EXPECT_TRUE(result.has_auc());
  EXPECT_DOUBLE_EQ(result.auc(), 4.5 / 6);
  EXPECT_LT(result.auc_low(), result.auc());
  // ((0.1)^2 + 0.6^2 + 0.6^2 + 0.4^2 + 0.1^2) / 5
  EXPECT_NEAR(result.brier(), 0.9 / 5, 1e-12);
  EXPECT_NEAR(result.mean_probability(), 2.4 / 5, 1e-12);
  EXPECT_DOUBLE_EQ(result.observed(), 0.4);
  EXPECT_DOUBLE_EQ(result.sensitivity(), 0.5);
  EXPECT_DOUBLE_EQ(result.specificity(), 2.0 / 3);
  int64_t in_bins = 0;
  for (const auto& bin : result.calibration()) in_bins += bin.count();
  EXPECT_EQ(in_bins, 5);
}

TEST(LiveFiguresTest, AnImageCountsOnceByItsNewestPrediction) {
  LiveFigures figures;
  figures.Add(Make("a", 0.1, "melanoma"));
  figures.Add(Make("a", 0.8, "melanoma"));
  figures.Add(Make("b", 0.2, "nevus"));
  const v1::LivePerformance result = figures.Result(DriftBaseline());
  EXPECT_EQ(result.predictions(), 3);
  EXPECT_EQ(result.with_outcome(), 2);
  EXPECT_EQ(result.auc(), 1);
  EXPECT_EQ(result.sensitivity(), 1);
}

TEST(LiveFiguresTest, OneClassHasNoAuc) {
  LiveFigures figures;
  figures.Add(Make("a", 0.9, "melanoma"));
  const v1::LivePerformance result = figures.Result(DriftBaseline());
  EXPECT_FALSE(result.has_auc());
  EXPECT_EQ(result.observed(), 1);
}

TEST(LiveFiguresTest, WithoutPredictionsThereIsNothingToSay) {
  const v1::LivePerformance result = LiveFigures().Result(DriftBaseline());
  EXPECT_EQ(result.predictions(), 0);
  EXPECT_FALSE(result.has_auc());
  EXPECT_EQ(result.score_drift().verdict(), v1::DRIFT_VERDICT_UNSPECIFIED);
  EXPECT_THAT(result.score_drift().reason(), HasSubstr("no baseline"));
}

TEST(LiveFiguresTest, DriftIsAgainstTheBaseline) {
  std::vector<double> scores;
  std::vector<float> features;
  for (int i = 0; i < 500; ++i) {
    scores.push_back(i / 500.0);
    features.push_back(static_cast<float>(i));
  }
  const DriftBaseline baseline = MakeBaseline(scores, features, 1);
  LiveFigures same;
  LiveFigures other;
  for (int i = 0; i < 200; ++i) {
    v1::LoggedPrediction prediction = Make(std::to_string(i), i / 200.0);
    const float number = static_cast<float>(i * 2.5);
    prediction.set_feature_bins(FeatureBins(baseline.dimensions.data(), 1,
                                            baseline.deciles.data(), &number));
    same.Add(prediction);
    prediction.set_probability(0.9);
    prediction.set_feature_bins(std::string(1, 9));
    other.Add(prediction);
  }
  EXPECT_EQ(same.Result(baseline).score_drift().verdict(), v1::STABLE);
  EXPECT_EQ(same.Result(baseline).feature_drift().verdict(), v1::STABLE);
  EXPECT_EQ(other.Result(baseline).score_drift().verdict(), v1::DRIFTED);
  EXPECT_EQ(other.Result(baseline).feature_drift().verdict(), v1::DRIFTED);
}

}  // namespace
}  // namespace nevus
