// A training that is broken off and goes on from a checkpoint.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "base/digest.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/classifier/train.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

constexpr int kDimension = 24;

// Noise in which positives are moved a little: early stopping has to decide.
TrainingSet Noise(int rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  TrainingSet set;
  set.dimension = kDimension;
  for (int row = 0; row < rows; ++row) {
    const bool positive = row % 3 == 0;
    set.labels.push_back(positive ? 1 : 0);
    for (int i = 0; i < kDimension; ++i) {
      set.features.push_back(normal(random) + (positive ? 0.2f : 0.0f));
    }
  }
  return set;
}

class ResumeTest : public testing::Test {
 protected:
  ResumeTest() {
    options_.hidden = 16;
    options_.max_epochs = 40;
    options_.patience = 4;
    options_.learning_rate = 0.01;  // Overfits soon.
    options_.seed = 11;
  }

  // The checkpoints after each epoch of a whole training, which is `trained`.
  std::map<int, std::string> TrainWhole(TrainedHead& trained) {
    std::map<int, std::string> checkpoints;
    TrainHooks hooks;
    hooks.after_epoch = [&](const TrainProgress& progress, const TrainedHead&,
                            const std::function<std::string()>& checkpoint) {
      checkpoints[progress.epoch] = checkpoint();
      return absl::OkStatus();
    };
    auto whole = TrainHead(train_, validation_, options_, hooks);
    EXPECT_THAT(whole, IsOk());
    if (whole.ok()) trained = *std::move(whole);
    return checkpoints;
  }

  absl::Status Resume(const std::string& checkpoint) {
    return TrainHead(train_, validation_, options_, {}, checkpoint).status();
  }

  TrainingSet train_ = Noise(150, 1);
  TrainingSet validation_ = Noise(90, 2);
  TrainOptions options_;
};

void ExpectSameBytes(const TrainedHead& a, const TrainedHead& b) {
  EXPECT_EQ(a.head.mean, b.head.mean);
  EXPECT_EQ(a.head.inverse_std, b.head.inverse_std);
  EXPECT_EQ(a.head.w1, b.head.w1);
  EXPECT_EQ(a.head.b1, b.head.b1);
  EXPECT_EQ(a.head.w2, b.head.w2);
  EXPECT_EQ(a.head.b2, b.head.b2);
  EXPECT_EQ(a.best_epoch, b.best_epoch);
  EXPECT_EQ(a.validation_auc, b.validation_auc);
  ASSERT_EQ(a.history.size(), b.history.size());
  for (size_t i = 0; i < a.history.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(a.history[i].epoch, b.history[i].epoch);
    EXPECT_EQ(a.history[i].max_epochs, b.history[i].max_epochs);
    EXPECT_EQ(a.history[i].train_loss, b.history[i].train_loss);
    EXPECT_EQ(a.history[i].validation_auc, b.history[i].validation_auc);
  }
}

TEST_F(ResumeTest, CutAfterAnyEpochItEndsWithTheSameBytes) {
  for (const int hidden : {0, 16}) {
    options_.hidden = hidden;
    TrainedHead whole;
    const auto checkpoints = TrainWhole(whole);
    // Early stopping, whose count must survive the cut, has ended it.
    ASSERT_GT(checkpoints.size(), 5u);
    ASSERT_EQ(checkpoints.size(), static_cast<size_t>(whole.best_epoch) + 4);
    ASSERT_LT(checkpoints.size(), 40u);
    for (const auto& [epoch, checkpoint] : checkpoints) {
      SCOPED_TRACE(testing::Message()
                   << "hidden " << hidden << ", cut after " << epoch);
      int resumed_after = 0;
      int first = 0;
      TrainHooks hooks;
      hooks.resumed = [&](int after) { resumed_after = after; };
      hooks.after_epoch = [&](const TrainProgress& progress, const auto&,
                              const auto&) {
        if (first == 0) first = progress.epoch;
        return absl::OkStatus();
      };
      const auto resumed =
          TrainHead(train_, validation_, options_, hooks, checkpoint);
      ASSERT_THAT(resumed, IsOk());
      EXPECT_EQ(resumed_after, epoch);
      const bool was_last = epoch == static_cast<int>(checkpoints.size());
      EXPECT_EQ(first, was_last ? 0 : epoch + 1);
      ExpectSameBytes(*resumed, whole);
    }
  }
}

TEST_F(ResumeTest, CutAgainAndAgainItEndsWithTheSameBytes) {
  TrainedHead whole;
  TrainWhole(whole);
  std::string checkpoint;
  int cuts = 0;
  for (;; ++cuts) {
    int epochs = 0;
    TrainHooks hooks;
    hooks.after_epoch = [&](const TrainProgress&, const TrainedHead&,
                            const std::function<std::string()>& bytes) {
      // What ran after the checkpoint is lost, and done again.
      if (++epochs == 2) checkpoint = bytes();
      return epochs == 3 ? absl::AbortedError("cut") : absl::OkStatus();
    };
    const auto part =
        TrainHead(train_, validation_, options_, hooks, checkpoint);
    if (part.ok()) {
      ExpectSameBytes(*part, whole);
      break;
    }
    ASSERT_THAT(part, StatusIs(absl::StatusCode::kAborted, "cut"));
  }
  EXPECT_GE(cuts, 2);
}

TEST_F(ResumeTest, BytesThatAreDamagedAnywhereAreRefused) {
  TrainedHead whole;
  const std::string good = TrainWhole(whole).at(2);
  EXPECT_EQ(ReasonOf(Resume("x")), "CHECKPOINT_DAMAGED");
  // Every part of the layout, and every bit of a byte.
  for (size_t at = 0; at < good.size(); at += good.size() / 199) {
    SCOPED_TRACE(at);
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    const absl::Status status = Resume(bad);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "checkpoint"));
    EXPECT_EQ(ReasonOf(status), "CHECKPOINT_DAMAGED");
  }
  for (const size_t size : {size_t{7}, size_t{83}, good.size() - 1}) {
    SCOPED_TRACE(size);
    EXPECT_EQ(ReasonOf(Resume(good.substr(0, size))), "CHECKPOINT_DAMAGED");
  }
}

// Bytes whose checksum is right and whose sizes are not: none is believed.
TEST_F(ResumeTest, PartsThatDoNotFitAreRefused) {
  TrainedHead whole;
  const std::string good = TrainWhole(whole).at(2);
  const auto sealed = [&](std::string bytes) {
    const uint64_t sum = Checksum64(bytes);
    bytes.append(reinterpret_cast<const char*>(&sum), sizeof(sum));
    return bytes;
  };
  const std::string body = good.substr(0, good.size() - sizeof(uint64_t));
  ASSERT_THAT(Resume(sealed(body)), IsOk());
  EXPECT_EQ(ReasonOf(Resume(sealed(body + "x"))), "CHECKPOINT_DAMAGED");
  EXPECT_EQ(ReasonOf(Resume(sealed(body.substr(0, body.size() - 4)))),
            "CHECKPOINT_DAMAGED");
  // Best epoch, number of epochs, number of bytes of the generator's state:
  // after the magic, the version, the fingerprint and the steps.
  const size_t best_epoch = 8 + 4 + 64 + 8;
  const size_t epochs = best_epoch + 16;
  const size_t random = epochs + 8 + 2 * 16;
  for (const size_t at : {best_epoch, epochs, random}) {
    for (const int64_t value : {int64_t{-1}, int64_t{1} << 60, int64_t{7}}) {
      SCOPED_TRACE(testing::Message() << value << " at " << at);
      std::string bad = body;
      std::memcpy(&bad[at], &value, sizeof(value));
      EXPECT_EQ(ReasonOf(Resume(sealed(bad))), "CHECKPOINT_DAMAGED");
    }
  }
  // Another version of the format is nobody's damage.
  std::string newer = body;
  newer[8] = 2;
  const absl::Status status = Resume(sealed(newer));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               "format 2; this program reads format 1"));
  EXPECT_EQ(ReasonOf(status), "CHECKPOINT_FOREIGN");
}

TEST_F(ResumeTest, TheCheckpointOfAnotherTrainingIsRefused) {
  TrainedHead whole;
  const std::string checkpoint = TrainWhole(whole).at(2);
  const auto expect_foreign = [&](const char* what) {
    SCOPED_TRACE(what);
    const absl::Status status = Resume(checkpoint);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                                 "other options or other rows"));
    EXPECT_EQ(ReasonOf(status), "CHECKPOINT_FOREIGN");
  };
  const TrainOptions options = options_;
  options_.seed = 12;
  expect_foreign("seed");
  options_ = options;
  options_.hidden = 15;
  expect_foreign("hidden");
  options_ = options;
  options_.dropout = 0.25;
  expect_foreign("dropout");
  options_ = options;
  options_.learning_rate = 0.02;
  expect_foreign("learning rate");
  options_ = options;
  options_.weight_decay = 1;
  expect_foreign("weight decay");
  options_ = options;
  options_.batch_size = 32;
  expect_foreign("batch size");
  options_ = options;
  options_.max_epochs = 50;
  expect_foreign("epochs");
  options_ = options;
  options_.patience = 5;
  expect_foreign("patience");
  options_ = options;
  options_.class_weighted = false;
  expect_foreign("weighting");
  options_ = options;
  train_.features[5] += 1;
  expect_foreign("a feature");
  train_ = Noise(150, 1);
  std::swap(validation_.labels[0], validation_.labels[1]);
  expect_foreign("labels");
}

}  // namespace
}  // namespace nevus
