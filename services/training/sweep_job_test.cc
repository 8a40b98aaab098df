// A sweep from the request to the model: a job of many tasks, of which the last
// chooses.
#include <algorithm>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/training/training_fixture.h"

namespace nevus {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

class SweepJobTest : public TrainingTest {
 protected:
  SweepJobTest() {
    AddAll();
    v1::Sweep& sweep = *train_.mutable_sweep();
    for (const int hidden : {0, 16}) sweep.add_hidden(hidden);
    for (const int seed : {1, 2}) sweep.add_seed(seed);
  }

  absl::StatusOr<std::string> Run(const v1::Job& job, int task,
                                  FakeTaskContext& context) {
    return trainer_->Run(job.tasks(task).spec(), context);
  }

  // A candidate as a training task would leave it, or its figures alone if
  // there is one.
  void Leave(const v1::Job& job, int task, double auc) {
    platform_.registry().ChangeCheckpoint(
        job.id(), task, [&](v1::Checkpoint& checkpoint) {
          v1::Model& model = *checkpoint.mutable_candidate();
          model.set_name("melanoma");
          model.mutable_training()->set_validation_auc(auc);
          model.mutable_training()->set_seed(100 + task);
        });
  }
};

TEST_F(SweepJobTest, EachCombinationIsATaskAndTheLastOneChooses) {
  const v1::Job job = Train().value();
  EXPECT_EQ(job.title(),
            "train melanoma on isic@1 with vgg16/block1_pool, the best of 4");
  ASSERT_EQ(job.tasks_size(), 5);
  const std::vector<std::string> titles = {"hidden=0 seed=1", "hidden=0 seed=2",
                                           "hidden=16 seed=1",
                                           "hidden=16 seed=2"};
  for (int i = 0; i < 4; ++i) {
    const v1::Task& task = job.tasks(i);
    EXPECT_EQ(task.stage(), 0);
    EXPECT_EQ(task.title(), titles[i]);
    EXPECT_TRUE(task.spec().train().candidate());
    EXPECT_EQ(task.spec().train().hidden(), i < 2 ? 0 : 16);
    EXPECT_EQ(task.spec().train().seed(), i % 2 + 1u);
  }
  EXPECT_EQ(job.tasks(4).stage(), 1);
  EXPECT_EQ(job.tasks(4).spec().choose().model(), "melanoma");
  EXPECT_EQ(job.tasks(4).spec().choose().candidates(), 4);
}

TEST_F(SweepJobTest, TheBestIsRegisteredAndTheRestIsComparedByItsMetrics) {
  const v1::Job job = Train().value();
  std::vector<double> aucs;
  for (int i = 0; i < 4; ++i) {
    FakeTaskContext context(job.id(), 1, i);
    EXPECT_THAT(
        Run(job, i, context).value(),
        MatchesRegex("validation AUC [01][.][0-9]+ at epoch [0-9]+ of [0-9]+"));
    const v1::Progress last = context.reports().back();
    ASSERT_GE(last.metrics_size(), 1);
    EXPECT_EQ(last.metrics(0).name(), "validation_auc");
    EXPECT_EQ(last.done(), last.total());
    aucs.push_back(last.metrics(0).value());
  }
  EXPECT_THAT(GetModel(1), StatusIs(absl::StatusCode::kNotFound, ""))
      << "no candidate is a version";
  EXPECT_EQ(platform_.registry().checkpoints(), 4u);
  FakeTaskContext context(job.id(), 1, 4);
  EXPECT_EQ(Run(job, 4, context).value(), "melanoma@1");
  EXPECT_EQ(context.reports().back().done(), 4);
  EXPECT_EQ(platform_.registry().checkpoints(), 0u);

  const auto best = std::max_element(aucs.begin(), aucs.end());
  const v1::Model model = GetModel(1).value();
  EXPECT_EQ(model.training().validation_auc(), *best);
  const v1::TrainTask& winner =
      job.tasks(static_cast<int>(best - aucs.begin())).spec().train();
  EXPECT_EQ(model.head().hidden(), winner.hidden());
  EXPECT_EQ(model.training().seed(), winner.seed());
  EXPECT_EQ(model.lineage().job(), job.id());

  // The winner is what a training without a sweep makes.
  train_.clear_sweep();
  train_.set_hidden(winner.hidden());
  train_.set_seed(winner.seed());
  ASSERT_THAT(platform_.RunJob(Train().value(), *trainer_), IsOk());
  EXPECT_EQ(GetModel(2)->digest(), model.digest());
}

TEST_F(SweepJobTest, OfEqualsTheLowestTaskWins) {
  const v1::Job job = Train().value();
  for (int task = 0; task < 4; ++task) {
    FakeTaskContext candidate(job.id(), 1, task);
    ASSERT_THAT(Run(job, task, candidate), IsOk());
  }
  Leave(job, 0, 0.8);
  Leave(job, 1, 0.9);
  Leave(job, 2, 0.9);
  Leave(job, 3, 0.7);
  FakeTaskContext context(job.id(), 1, 4);
  EXPECT_EQ(Run(job, 4, context).value(), "melanoma@1");
  EXPECT_EQ(GetModel(1)->training().seed(), 101u);
  EXPECT_THAT(context.log(), Contains(HasSubstr("task 1, hidden=0 seed=101")));
}

TEST_F(SweepJobTest, ACandidateThatIsMissingIsNamed) {
  const v1::Job job = Train().value();
  for (const int task : {0, 1, 3}) Leave(job, task, 0.5);
  FakeTaskContext context(job.id(), 1, 4);
  const absl::Status missing = Run(job, 4, context).status();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kFailedPrecondition,
                                "task 2 of job " + job.id() + " left nothing"));
  EXPECT_EQ(ReasonOf(missing), "CANDIDATE_MISSING");
  platform_.registry().ChangeCheckpoint(
      job.id(), 2, [](v1::Checkpoint& c) { c.set_training("half"); });
  EXPECT_THAT(Run(job, 4, context),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "left a training in the middle"));
}

TEST_F(SweepJobTest, WhatIsTriedAgainIsFoundAndNotDoneAgain) {
  const v1::Job job = Train().value();
  for (int i = 0; i < 4; ++i) {
    FakeTaskContext first(job.id(), 1, i);
    const std::string result = Run(job, i, first).value();
    FakeTaskContext second(job.id(), 2, i);
    EXPECT_EQ(Run(job, i, second).value(), result);
    ASSERT_EQ(second.reports().size(), 1u) << "it did not train again";
    EXPECT_EQ(second.reports()[0].metrics(0).value(),
              first.reports().back().metrics(0).value());
  }
  FakeTaskContext first(job.id(), 1, 4);
  ASSERT_EQ(Run(job, 4, first).value(), "melanoma@1");
  FakeTaskContext second(job.id(), 2, 4);
  EXPECT_EQ(Run(job, 4, second).value(), "melanoma@1");
}

TEST_F(SweepJobTest, ACandidateStoppedInTheMiddleGoesOn) {
  const auto often =
      NewTrainingHandler(platform_.peers(), {/*epochs=*/1, /*seconds=*/0});
  const v1::Job job = Train().value();
  FakeTaskContext first(job.id(), 1, 3);
  first.CancelAtDone(3);
  ASSERT_THAT(often->Run(job.tasks(3).spec(), first),
              StatusIs(absl::StatusCode::kCancelled, ""));
  FakeTaskContext second(job.id(), 2, 3);
  ASSERT_THAT(often->Run(job.tasks(3).spec(), second), IsOk());
  EXPECT_THAT(second.log(), Contains("goes on from epoch 3"));
}

TEST_F(SweepJobTest, ACancelledChoiceRegistersNothing) {
  const v1::Job job = Train().value();
  for (int task = 0; task < 4; ++task) Leave(job, task, 0.5);
  FakeTaskContext context(job.id(), 1, 4);
  context.CancelAtDone(2);
  EXPECT_THAT(Run(job, 4, context),
              StatusIs(absl::StatusCode::kCancelled, "candidates are kept"));
  EXPECT_THAT(GetModel(1), StatusIs(absl::StatusCode::kNotFound, ""));
  EXPECT_EQ(platform_.registry().checkpoints(), 4u);
}

TEST_F(SweepJobTest, WhatCannotBeMeantIsRefused) {
  train_.set_hidden(3);
  EXPECT_EQ(ReasonOf(Train().status()), "SWEEP_INVALID");
  train_.clear_hidden();
  train_.mutable_sweep()->add_seed(2);
  EXPECT_EQ(ReasonOf(Train().status()), "SWEEP_INVALID");
  train_.mutable_sweep()->clear_seed();
  train_.mutable_sweep()->add_hidden(4097);
  EXPECT_EQ(ReasonOf(Train().status()), "HIDDEN_INVALID");
  EXPECT_THAT(platform_.jobs(), IsEmpty());
}

}  // namespace
}  // namespace nevus
