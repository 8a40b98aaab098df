// CompareModels over real in-process channels.
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/training/training_fixture.h"

namespace nevus {
namespace {

class ComparisonTest : public TrainingTest {
 protected:
  ComparisonTest() {
    request_.mutable_a()->set_name("melanoma");
    request_.mutable_a()->set_version(1);
    request_.mutable_b()->set_name("melanoma");
    request_.mutable_b()->set_version(2);
    request_.set_dataset("isic");
    request_.set_dataset_version(1);
    request_.set_split("validation");
  }

  // melanoma@1 and @2, whose features overlap so that they err.
  void MakeTwo() {
    AddAll();
    train_.set_hidden(0);
    TrainModel();
    train_.set_hidden(32);
    train_.set_seed(5);
    TrainModel();
  }

  absl::StatusOr<v1::Comparison> Compare() {
    return Call(*platform_.training(),
                &v1::TrainingService::Stub::CompareModels, request_);
  }

  // What an evaluation finds for a version on the split of the request.
  v1::Evaluation Judge(int64_t version, bool final = false) {
    evaluate_.set_model_version(version);
    evaluate_.set_split(request_.split());
    evaluate_.set_final(final);
    EXPECT_THAT(platform_.RunJob(Evaluate().value(), *judge_), IsOk());
    return platform_.evaluations().back();
  }

  v1::CompareModelsRequest request_;
};

TEST_F(ComparisonTest, AgreesWithTheEvaluationsOfBoth) {
  MakeTwo();
  const v1::Evaluation a = Judge(1);
  const v1::Evaluation b = Judge(2);
  const v1::Comparison found = Compare().value();
  EXPECT_EQ(found.a().model(), "melanoma@1");
  EXPECT_EQ(found.b().digest(), GetModel(2).value().digest());
  EXPECT_EQ(found.positives(), 40);
  EXPECT_EQ(found.negatives(), 40);
  EXPECT_EQ(found.a().auc(), a.auc());
  EXPECT_EQ(found.b().auc(), b.auc());
  EXPECT_DOUBLE_EQ(found.auc_difference(), a.auc() - b.auc());
  EXPECT_LE(found.auc_difference_low(), found.auc_difference());
  EXPECT_GT(found.p_value(), 0);
  EXPECT_LE(found.p_value(), 1);
  // What one gets right and the other wrong is the difference of what each
  // gets right.
  const auto right = [](const v1::Evaluation& evaluation) {
    return evaluation.points(0).true_positives() +
           evaluation.points(0).true_negatives();
  };
  EXPECT_GT(found.flips_size(), 0);
  EXPECT_EQ(found.only_a_right() - found.only_b_right(), right(a) - right(b));
  EXPECT_EQ(found.flips_size(), found.only_a_right() + found.only_b_right());
  for (const v1::FlippedDecision& flip : found.flips()) {
    EXPECT_EQ(flip.positive_a(),
              flip.probability_a() >= a.points(0).point().threshold());
    EXPECT_NE(flip.positive_a(), flip.positive_b());
  }
}

TEST_F(ComparisonTest, AModelIsNoBetterThanItself) {
  MakeTwo();
  request_.mutable_b()->set_version(1);
  const v1::Comparison found = Compare().value();
  EXPECT_EQ(found.auc_difference(), 0);
  EXPECT_EQ(found.p_value(), 1);
  EXPECT_EQ(found.flips_size(), 0);
}

TEST_F(ComparisonTest, ATestSplitIsComparedOnOnceBothWereJudgedOnIt) {
  MakeTwo();
  request_.set_split("test");
  EXPECT_EQ(ReasonOf(Compare().status()), "TEST_SPLIT_SEALED");
  Judge(1, /*final=*/true);
  EXPECT_THAT(Compare(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  "sealed for melanoma@2"));
  const v1::Evaluation b = Judge(2, /*final=*/true);
  EXPECT_EQ(Compare().value().b().auc(), b.auc());
}

TEST_F(ComparisonTest, WhatCannotBeComparedIsSaid) {
  MakeTwo();
  request_.set_operating_point("bayes");
  EXPECT_THAT(Compare(), StatusIs(absl::StatusCode::kInvalidArgument,
                                  "youden, sensitivity_95"));
  request_.set_operating_point("sensitivity_95");
  EXPECT_EQ(Compare().value().a().point().name(), "sensitivity_95");
  request_.set_split("holdout");
  EXPECT_EQ(ReasonOf(Compare().status()), "SPLIT_UNKNOWN");
  request_.set_split("validation");
  request_.mutable_b()->set_version(3);
  EXPECT_THAT(Compare(), StatusIs(absl::StatusCode::kNotFound, ""));
  request_.mutable_b()->set_version(2);
  platform_.ChangeModel(2,
                        [](v1::Model& model) { model.set_positive("nevus"); });
  EXPECT_EQ(ReasonOf(Compare().status()), "POSITIVE_DIFFERS");
}

}  // namespace
}  // namespace nevus
