#include "services/serving/decision.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

class DecisionTest : public ::testing::Test {
 protected:
  DecisionTest() {
    model_.set_positive("melanoma");
    point_.set_name("screening");
    point_.set_threshold(0.25);
    classifier_.ood.emplace();
    classifier_.ood->threshold = 48;
    judgement_.probability = 0.25;
    judgement_.ood_distance = 20;
  }

  v1::PredictResponse Answer() {
    v1::PredictResponse response;
    Decide(classifier_, judgement_, quality_, model_, point_, response);
    return response;
  }

  v1::Model model_;
  v1::OperatingPoint point_;
  Classifier classifier_;
  Judgement judgement_;
  ImageQuality quality_{200, 50, 100};
};

TEST_F(DecisionTest, TheThresholdItselfIsPositive) {
  v1::PredictResponse answer = Answer();
  EXPECT_TRUE(answer.positive());
  EXPECT_EQ(answer.decision(), "melanoma");
  EXPECT_EQ(answer.operating_point(), "screening");
  EXPECT_EQ(answer.threshold(), 0.25);
  EXPECT_FALSE(answer.abstain());
  EXPECT_EQ(answer.ood_distance(), 20);
  EXPECT_EQ(answer.ood_threshold(), 48);
  EXPECT_EQ(answer.quality().sharpness(), 100);
  judgement_.probability = 0.2499;
  answer = Answer();
  EXPECT_FALSE(answer.positive());
  EXPECT_EQ(answer.decision(), "not melanoma");
}

TEST_F(DecisionTest, WhatIsUnlikeTrainingIsNotDecided) {
  judgement_.ood_distance = 97.25;
  judgement_.out_of_distribution = true;
  const v1::PredictResponse answer = Answer();
  EXPECT_TRUE(answer.abstain());
  EXPECT_FALSE(answer.positive());
  EXPECT_EQ(answer.decision(), "cannot tell");
  EXPECT_EQ(answer.probability(), 0.25);
  EXPECT_EQ(answer.abstain_reason(), "OUT_OF_DISTRIBUTION");
  EXPECT_NE(answer.abstain_message().find("97.25"), std::string::npos);
  EXPECT_NE(answer.abstain_message().find("48"), std::string::npos);
}

TEST_F(DecisionTest, ABadPhotographIsSaidFirst) {
  judgement_.out_of_distribution = true;
  quality_.sharpness = 1;
  EXPECT_EQ(Answer().abstain_reason(), "IMAGE_BLURRED");
  quality_.contrast = 1;
  EXPECT_EQ(Answer().abstain_reason(), "IMAGE_ONE_COLOUR");
  quality_.shorter_side = 63;
  EXPECT_EQ(Answer().abstain_reason(), "IMAGE_TOO_SMALL");
}

TEST_F(DecisionTest, AModelWithoutADetectorStillLooksAtThePixels) {
  classifier_.ood.reset();
  EXPECT_FALSE(Answer().abstain());
  EXPECT_EQ(Answer().ood_threshold(), 0);
  quality_.sharpness = 0;
  EXPECT_TRUE(Answer().abstain());
}

}  // namespace
}  // namespace nevus
