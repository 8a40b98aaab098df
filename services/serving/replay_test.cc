#include "services/serving/replay.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compute/classifier/classifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/timestamp.h"
#include "storage/prediction/prediction_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using testing::ElementsAre;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

v1::LoggedPrediction Make(const std::string& id, char image, int seconds,
                          double probability = 0.5) {
  v1::LoggedPrediction prediction;
  prediction.set_prediction_id(id);
  prediction.set_model("melanoma");
  prediction.set_model_version(1);
  prediction.set_image_digest(std::string(64, image));
  prediction.set_probability(probability);
  prediction.set_operating_point("screening");
  prediction.set_finds("melanoma");
  *prediction.mutable_predict_time() =
      TimestampOf(kNoon + absl::Seconds(seconds));
  return prediction;
}

v1::Model Candidate() {
  v1::Model model;
  for (const auto& [name, threshold] :
       {std::make_pair("youden", 0.5), std::make_pair("screening", 0.1)}) {
    v1::OperatingPoint& point = *model.add_operating_points();
    point.set_name(name);
    point.set_threshold(threshold);
  }
  return model;
}

Judgement Of(double probability) {
  Judgement judgement;
  judgement.probability = probability;
  return judgement;
}

v1::ReplayedPrediction Replayed(double before, double after,
                                const std::string& outcome) {
  v1::ReplayedPrediction replayed;
  *replayed.mutable_logged() = Make("a", 'a', 1, before);
  replayed.mutable_logged()->set_positive(before >= 0.5);
  replayed.mutable_logged()->set_operating_point("youden");
  if (!outcome.empty()) {
    replayed.mutable_logged()->mutable_outcome()->set_label(outcome);
  }
  replayed.set_source(v1::STORED_FEATURE);
  DecideAnew(Candidate(), Of(after), false, replayed);
  return replayed;
}

TEST(DecideAnewTest, ByThePointOfTheSameNameElseTheFirst) {
  v1::ReplayedPrediction replayed;
  *replayed.mutable_logged() = Make("a", 'a', 1);
  DecideAnew(Candidate(), Of(0.2), false, replayed);
  EXPECT_TRUE(replayed.positive());
  EXPECT_TRUE(replayed.flipped()) << "the logged one was negative";
  replayed.mutable_logged()->set_operating_point("of another model");
  DecideAnew(Candidate(), Of(0.2), false, replayed);
  EXPECT_FALSE(replayed.positive());
  EXPECT_FALSE(replayed.flipped());
}

TEST(DecideAnewTest, AnAbstentionIsADecisionOfItsOwn) {
  v1::ReplayedPrediction replayed;
  *replayed.mutable_logged() = Make("a", 'a', 1);
  Judgement unfamiliar = Of(0.9);
  unfamiliar.out_of_distribution = true;
  DecideAnew(Candidate(), unfamiliar, false, replayed);
  EXPECT_TRUE(replayed.abstain());
  EXPECT_FALSE(replayed.positive());
  EXPECT_TRUE(replayed.flipped()) << "the logged one was a clear no";
  // Where nothing can be seen, both abstain.
  replayed.mutable_logged()->set_abstain(true);
  replayed.mutable_logged()->set_abstain_reason("IMAGE_BLURRED");
  DecideAnew(Candidate(), Of(0.9), true, replayed);
  EXPECT_TRUE(replayed.abstain());
  EXPECT_FALSE(replayed.flipped());
}

TEST(ReplayTallyTest, CountsFlipsAndComparesAucs) {
  ReplayTally tally;
  tally.Add(Replayed(0.4, 0.9, "melanoma"));  // found
  tally.Add(Replayed(0.6, 0.8, "melanoma"));
  tally.Add(Replayed(0.7, 0.2, "nevus"));  // cleared
  tally.Add(Replayed(0.1, 0.1, "nevus"));
  tally.Add(Replayed(0.1, 0.1, ""));
  v1::ReplayedPrediction unfamiliar = Replayed(0.1, 0.1, "");
  unfamiliar.set_abstain(true);
  unfamiliar.set_flipped(true);
  tally.Add(unfamiliar);
  v1::ReplayedPrediction gone = Replayed(0.1, 0.9, "melanoma");
  gone.set_source(v1::REPLAY_SOURCE_UNSPECIFIED);
  tally.Add(gone);
  const v1::ReplaySummary summary = tally.Summary();
  EXPECT_EQ(summary.images(), 7);
  EXPECT_EQ(summary.replayed(), 6);
  EXPECT_EQ(summary.became_abstention(), 1);
  EXPECT_EQ(summary.became_positive(), 1);
  EXPECT_EQ(summary.became_negative(), 1);
  EXPECT_EQ(summary.positives(), 2);
  EXPECT_EQ(summary.negatives(), 2);
  EXPECT_TRUE(summary.has_auc());
  // Of the four pairs (0.4 0.6) x (0.7 0.1) two are in order; then all are.
  EXPECT_EQ(summary.auc(), 0.5);
  EXPECT_EQ(summary.candidate_auc(), 1);
  // DeLong by hand. Of each positive, the share of negatives below it: logged
  // 1/2 and 1/2, anew 1 and 1; of each negative, the share of positives above
  // it: logged 0 and 1, anew 1 and 1. Their differences have the variances 0
  // and 1/2, so the AUCs' has 0/2 + (1/2)/2 = 1/4; z = (1/2) / (1/2) = 1, and p
  // is what Python's math.erfc(1 / math.sqrt(2)) says.
  EXPECT_NEAR(summary.p_value(), 0.31731050786291415, 1e-12);
  EXPECT_NEAR(summary.difference_low(), 0.5 - 0.5 * 1.959963984540054, 1e-12);
  EXPECT_EQ(summary.difference_high(), 1) << "no AUCs differ by more";
}

TEST(ReplayTallyTest, WithoutBothClassesThereIsNoAuc) {
  ReplayTally tally;
  tally.Add(Replayed(0.4, 0.9, "melanoma"));
  EXPECT_FALSE(tally.Summary().has_auc());
}

TEST(SelectForReplayTest, TakesTheNewestOfEachImage) {
  MemoryStore memory;
  const auto store = PredictionStore::Open(memory).value();
  v1::LoggedPrediction shadow = Make("s", 'c', 5);
  shadow.set_alias("production");
  shadow.set_role(v1::SHADOW);
  v1::LoggedPrediction of_alias = Make("d", 'd', 6);
  of_alias.set_alias("production");
  v1::LoggedPrediction other = Make("e", 'e', 7);
  other.set_model_version(2);
  ASSERT_THAT(store->Add({{Make("a", 'a', 1), ""},
                          {Make("b", 'b', 2), ""},
                          {Make("a2", 'a', 3), ""},
                          {shadow, ""},
                          {of_alias, ""},
                          {other, ""}}),
              IsOk());
  const auto ids = [&](const v1::ReplayPredictionsRequest& request,
                       const PredictionQuery& window) {
    std::vector<std::string> ids;
    const auto selected = SelectForReplay(*store, request, window).value();
    for (const v1::LoggedPrediction& one : selected) {
      ids.push_back(one.prediction_id());
    }
    return ids;
  };
  v1::ReplayPredictionsRequest request;
  request.set_model("melanoma");
  request.set_version(1);
  EXPECT_THAT(ids(request, {}), ElementsAre("b", "a2", "s", "d"));
  PredictionQuery window;
  window.until = kNoon + absl::Seconds(3);
  EXPECT_THAT(ids(request, window), ElementsAre("a", "b"));
  request.set_version(0);
  request.set_alias("production");
  EXPECT_THAT(ids(request, {}), ElementsAre("d"));
}

}  // namespace
}  // namespace nevus
