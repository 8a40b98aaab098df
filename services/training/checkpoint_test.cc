// A training that is stopped in the middle and goes on, as its worker sees it.
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/training/task_checkpoints.h"
#include "services/training/training_fixture.h"

namespace nevus {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(CheckpointPaceTest, BothHaveToPass) {
  const CheckpointPace pace;
  EXPECT_FALSE(pace.IsDue(9, 100));
  EXPECT_FALSE(pace.IsDue(100, 1.9));
  EXPECT_TRUE(pace.IsDue(10, 2));
}

class CheckpointTest : public TrainingTest {
 protected:
  CheckpointTest() {
    AddAll();
    train_.set_hidden(16);
  }

  // Runs `job` from its begin until `epoch` epochs are done.
  void StopAfter(const v1::Job& job, int epoch) {
    FakeTaskContext context(job.id(), /*fencing_token=*/1);
    context.CancelAtDone(epoch);
    ASSERT_THAT(often_->Run(job.tasks(0).spec(), context),
                StatusIs(absl::StatusCode::kCancelled, "checkpoint"));
  }

  // The digest of what an uninterrupted training makes.
  std::string WholeDigest() {
    const v1::Job job = Train().value();
    EXPECT_THAT(platform_.RunJob(job, *trainer_), IsOk());
    return ModelOf(job).digest();
  }

  v1::Model ModelOf(const v1::Job& job) {
    for (int64_t version = 1;; ++version) {
      const absl::StatusOr<v1::Model> model = GetModel(version);
      if (!model.ok()) return {};
      if (model->lineage().job() == job.id()) return *model;
    }
  }

  // Writes a checkpoint after every second epoch.
  const std::unique_ptr<TaskHandler> often_ =
      NewTrainingHandler(platform_.peers(), {/*epochs=*/2, /*seconds=*/0});
};

TEST_F(CheckpointTest, StoppedInTheMiddleItEndsWithTheSameModel) {
  const std::string whole = WholeDigest();
  for (const int epoch : {3, 4, 9}) {
    SCOPED_TRACE(epoch);
    const v1::Job job = Train().value();
    StopAfter(job, epoch);
    EXPECT_EQ(platform_.registry().checkpoints(), 1u);
    FakeTaskContext again(job.id(), /*fencing_token=*/2);
    ASSERT_THAT(often_->Run(job.tasks(0).spec(), again), IsOk());
    // At most the epochs since the last checkpoint were done again.
    const int from = epoch / 2 * 2;
    EXPECT_THAT(again.log(),
                Contains("goes on from epoch " + std::to_string(from)));
    EXPECT_EQ(again.reports()[0].done(), from);
    EXPECT_EQ(again.reports()[1].done(), from + 1);
    EXPECT_EQ(ModelOf(job).digest(), whole);
    EXPECT_EQ(ModelOf(job).training().epochs(), again.reports().back().done());
    EXPECT_EQ(platform_.registry().checkpoints(), 0u) << "its model is there";
  }
}

TEST_F(CheckpointTest, WhichCheckpointsAreWrittenChangesNothing) {
  const std::string whole = WholeDigest();
  const v1::Job job = Train().value();
  ASSERT_THAT(platform_.RunJob(job, *often_), IsOk());
  EXPECT_EQ(ModelOf(job).digest(), whole);
}

TEST_F(CheckpointTest, ProgressCarriesWhatWasMeasured) {
  const v1::Job job = Train().value();
  FakeTaskContext context(job.id());
  ASSERT_THAT(trainer_->Run(job.tasks(0).spec(), context), IsOk());
  const v1::Model model = ModelOf(job);
  const v1::Progress last = context.reports().back();
  ASSERT_EQ(last.metrics_size(), 3);
  EXPECT_EQ(last.metrics(0).name(), "validation_auc");
  EXPECT_EQ(last.metrics(0).value(), model.training().validation_auc());
  EXPECT_EQ(last.metrics(1).name(), "best_epoch");
  EXPECT_EQ(last.metrics(1).value(), model.training().best_epoch());
  EXPECT_EQ(last.metrics(2).name(), "train_loss");
  EXPECT_GT(last.metrics(2).value(), 0);
}

TEST_F(CheckpointTest, ACancelIsHeardBetweenTwoBatches) {
  const v1::Job job = Train().value();
  FakeTaskContext context(job.id());
  context.CancelAtDone(0);
  ASSERT_THAT(trainer_->Run(job.tasks(0).spec(), context),
              StatusIs(absl::StatusCode::kCancelled, ""))
      << "after the first epoch's report";
  EXPECT_THAT(context.reports(), ::testing::SizeIs(1));
}

TEST_F(CheckpointTest, BytesThatAreNotItsOwnStartItFromTheBeginning) {
  const std::string whole = WholeDigest();
  const v1::Job other = Train().value();
  StopAfter(other, 4);
  const auto take = [&](std::string* bytes) {
    platform_.registry().ChangeCheckpoint(
        other.id(), 0, [&](v1::Checkpoint& c) { *bytes = c.training(); });
  };
  std::string good;
  take(&good);
  std::string damaged = good;
  damaged[damaged.size() / 2] ^= 1;
  const struct {
    std::string bytes;
    uint64_t seed;
    std::string said;
  } table[] = {
      {damaged, 0, "does not have its checksum"},
      {good, 1, "with other options or other rows"},
      {"x", 0, "of 1 bytes is none of a training"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.said);
    train_.set_seed(row.seed);
    const v1::Job job = Train().value();
    platform_.registry().ChangeCheckpoint(
        job.id(), 0, [&](v1::Checkpoint& c) { c.set_training(row.bytes); });
    FakeTaskContext context(job.id());
    ASSERT_THAT(trainer_->Run(job.tasks(0).spec(), context), IsOk());
    EXPECT_THAT(context.log(), Contains(::testing::AllOf(
                                   HasSubstr("starts from the beginning"),
                                   HasSubstr(row.said))));
    EXPECT_EQ(context.reports()[0].done(), 1);
    EXPECT_EQ(ModelOf(job).digest() == whole, row.seed == 0);
  }
}

TEST_F(CheckpointTest, AStoredOneThatIsDamagedStartsItFromTheBeginning) {
  const v1::Job job = Train().value();
  platform_.registry().FailCheckpointReads(
      absl::DataLossError("the stored value of \"checkpoint!j!0\""));
  FakeTaskContext context(job.id());
  EXPECT_THAT(trainer_->Run(job.tasks(0).spec(), context), IsOk());
  EXPECT_THAT(context.log(), Contains(HasSubstr("checkpoint!j!0")));
  // Away is not damaged: the epochs that it keeps are worth waiting for.
  platform_.registry().FailCheckpointReads(absl::UnavailableError("away"));
  FakeTaskContext second("j-second");
  EXPECT_THAT(trainer_->Run(job.tasks(0).spec(), second),
              StatusIs(absl::StatusCode::kUnavailable, "away"));
}

TEST_F(CheckpointTest, AWriteThatFailsEndsTheAttemptOnlyIfItMust) {
  const v1::Job job = Train().value();
  platform_.registry().FailCheckpointWrites(
      absl::AbortedError("the token is stale"));
  FakeTaskContext lost(job.id());
  EXPECT_THAT(often_->Run(job.tasks(0).spec(), lost),
              StatusIs(absl::StatusCode::kAborted, "stale"));
  EXPECT_EQ(lost.reports().back().done(), 2);
  platform_.registry().FailCheckpointWrites(
      absl::ResourceExhaustedError("the disk is full"));
  FakeTaskContext full(job.id());
  EXPECT_THAT(often_->Run(job.tasks(0).spec(), full),
              StatusIs(absl::StatusCode::kResourceExhausted, "full"));
  platform_.registry().FailCheckpointWrites(absl::UnavailableError("away"));
  FakeTaskContext away(job.id());
  EXPECT_THAT(often_->Run(job.tasks(0).spec(), away), IsOk());
  EXPECT_THAT(away.log(), Contains(HasSubstr("training goes on: away")));
}

TEST_F(CheckpointTest, AnEndThatNobodyHeardOfIsFoundAgain) {
  const v1::Job job = Train().value();
  FakeTaskContext first(job.id(), /*fencing_token=*/1);
  const std::string model = trainer_->Run(job.tasks(0).spec(), first).value();
  FakeTaskContext second(job.id(), /*fencing_token=*/2);
  EXPECT_EQ(trainer_->Run(job.tasks(0).spec(), second).value(), model);
  EXPECT_THAT(second.reports(), IsEmpty()) << "it did not train again";
  EXPECT_THAT(GetModel(2), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(CheckpointTest, OneTooLargeIsSaidOnceAndNotSent) {
  FakeTaskContext context("j-1");
  TaskCheckpoints checkpoints(platform_.peers(), context);
  int made = 0;
  const auto bytes = [&] {
    ++made;
    return std::string(size_t{48} << 20, 'c');
  };
  EXPECT_THAT(checkpoints.WriteTraining(bytes), IsOk());
  EXPECT_THAT(checkpoints.WriteTraining(bytes), IsOk());
  EXPECT_EQ(made, 1);
  EXPECT_THAT(context.log(),
              ElementsAre(HasSubstr("without checkpoints: one has 50331648")));
  EXPECT_EQ(platform_.registry().checkpoints(), 0u);
}

}  // namespace
}  // namespace nevus
