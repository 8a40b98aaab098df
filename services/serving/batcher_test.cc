#include "services/serving/batcher.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

bool Never() { return false; }

// Opens once.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    opened_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (!open_) opened_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar opened_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

// Answers with as many numbers as an image has bytes, remembers its batches,
// and can be held in the first of them until a gate opens.
class LengthModel : public BatchModel {
 public:
  explicit LengthModel(Gate* hold = nullptr) : hold_(hold) {}

  std::vector<absl::StatusOr<ImageAnswer>> Answer(
      const std::vector<std::string_view>& images) override {
    {
      MutexLock lock(mutex_);
      batches_.emplace_back(images.begin(), images.end());
    }
    began_.Open();
    if (hold_ != nullptr) hold_->Wait();
    std::vector<absl::StatusOr<ImageAnswer>> answers;
    for (std::string_view image : images) {
      if (image == "bad") {
        answers.push_back(absl::InvalidArgumentError("no image"));
      } else {
        answers.push_back(ImageAnswer{std::vector<float>(image.size()), {}});
      }
    }
    return answers;
  }

  void WaitUntilItBegan() { began_.Wait(); }
  std::vector<std::vector<std::string>> batches() {
    MutexLock lock(mutex_);
    return batches_;
  }

 private:
  Gate* const hold_;
  Gate began_;
  Mutex mutex_;
  std::vector<std::vector<std::string>> batches_ ABSL_GUARDED_BY(mutex_);
};

// A caller on a thread of its own.
class Caller {
 public:
  Caller(Batcher& batcher, std::shared_ptr<BatchModel> model, std::string image)
      : image_(std::move(image)), thread_([this, &batcher, model] {
          answer_ =
              batcher.Answer(model, image_, [this] { return gone_.load(); });
        }) {}
  ~Caller() {
    if (thread_.joinable()) thread_.join();
  }
  void GoAway() { gone_ = true; }
  absl::StatusOr<ImageAnswer> Answer() {
    if (thread_.joinable()) thread_.join();
    return answer_;
  }

 private:
  const std::string image_;
  std::atomic<bool> gone_{false};
  absl::StatusOr<ImageAnswer> answer_ = absl::UnknownError("not answered");
  std::thread thread_;  // last: it uses the others
};

// A batcher whose compute thread is held in a first batch: what comes after it
// stays in the queue until Release.
class HeldBatcher {
 public:
  explicit HeldBatcher(const BatcherOptions& options) : batcher_(options) {
    batcher_.Start();
    first_ = std::make_unique<Caller>(batcher_, first_model_, "first");
    first_model_->WaitUntilItBegan();
  }
  ~HeldBatcher() { Release(); }

  void Release() { gate_.Open(); }
  Batcher& batcher() { return batcher_; }

  // Returns when the image is in the queue.
  std::unique_ptr<Caller> Call(std::shared_ptr<BatchModel> model,
                               const std::string& image) {
    const size_t before = batcher_.waiting();
    auto caller = std::make_unique<Caller>(batcher_, std::move(model), image);
    while (batcher_.waiting() == before) std::this_thread::yield();
    return caller;
  }

 private:
  Gate gate_;
  std::shared_ptr<LengthModel> first_model_ =
      std::make_shared<LengthModel>(&gate_);
  Batcher batcher_;
  std::unique_ptr<Caller> first_;
};

using Batches = std::vector<std::vector<std::string>>;

TEST(BatcherTest, AnImageAloneIsAnsweredAtOnce) {
  Batcher batcher({/*max_batch=*/8, /*max_queue=*/64});
  batcher.Start();
  const auto model = std::make_shared<LengthModel>();
  EXPECT_EQ(batcher.Answer(model, "four", Never).value().feature.size(), 4u);
  EXPECT_EQ(model->batches(), (Batches{{"four"}}));
}

TEST(BatcherTest, WhatWaitsForOneModelIsTakenTogetherUpToTheMostInABatch) {
  HeldBatcher held({/*max_batch=*/2, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto bb = held.Call(model, "bb");
  const auto ccc = held.Call(model, "ccc");
  held.Release();
  EXPECT_EQ(a->Answer().value().feature.size(), 1u);
  EXPECT_EQ(bb->Answer().value().feature.size(), 2u);
  EXPECT_EQ(ccc->Answer().value().feature.size(), 3u);
  EXPECT_EQ(model->batches(), (Batches{{"a", "bb"}, {"ccc"}}));
}

TEST(BatcherTest, ModelsNeverShareABatchAndNoneOvertakesTheOldestImage) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/64});
  const auto one = std::make_shared<LengthModel>();
  const auto other = std::make_shared<LengthModel>();
  const auto a = held.Call(one, "a");
  const auto b = held.Call(other, "b");
  const auto c = held.Call(one, "c");
  held.Release();
  EXPECT_THAT(a->Answer(), IsOk());
  EXPECT_THAT(b->Answer(), IsOk());
  EXPECT_THAT(c->Answer(), IsOk());
  EXPECT_EQ(one->batches(), (Batches{{"a", "c"}}));
  EXPECT_EQ(other->batches(), (Batches{{"b"}}));
}

TEST(BatcherTest, ABadImageSpoilsNoOtherOfItsBatch) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto bad = held.Call(model, "bad");
  const auto good = held.Call(model, "good");
  held.Release();
  EXPECT_THAT(bad->Answer(),
              StatusIs(absl::StatusCode::kInvalidArgument, "no image"));
  EXPECT_EQ(good->Answer().value().feature.size(), 4u);
}

TEST(BatcherTest, AFullQueueRefusesAndSaysWhenToRetry) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/2});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto b = held.Call(model, "b");
  const absl::Status refused =
      held.batcher().Answer(model, "c", Never).status();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted, "2 images wait"));
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_GT(RetryDelayOf(refused), absl::ZeroDuration());
  held.Release();
  EXPECT_THAT(a->Answer(), IsOk());
  EXPECT_THAT(b->Answer(), IsOk());
}

TEST(BatcherTest, AnAbandonedImageCostsNoComputation) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto gone = held.Call(model, "gone");
  const auto here = held.Call(model, "here");
  gone->GoAway();
  held.Release();
  EXPECT_THAT(gone->Answer(),
              StatusIs(absl::StatusCode::kCancelled, "Nothing was computed"));
  EXPECT_THAT(here->Answer(), IsOk());
  EXPECT_EQ(model->batches(), (Batches{{"here"}}));
}

TEST(BatcherTest, AbandonedImagesMakeRoomInAFullQueue) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/1});
  const auto model = std::make_shared<LengthModel>();
  const auto gone = held.Call(model, "gone");
  gone->GoAway();
  Caller next(held.batcher(), model, "next");
  EXPECT_THAT(gone->Answer(), StatusIs(absl::StatusCode::kCancelled, ""));
  held.Release();
  EXPECT_EQ(next.Answer().value().feature.size(), 4u);
}

TEST(BatcherTest, StopAnswersAllThatWaitAndRefusesWhatComesAfter) {
  HeldBatcher held({/*max_batch=*/1, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto bb = held.Call(model, "bb");
  std::thread stopping([&held] { held.batcher().Stop(); });
  held.Release();
  stopping.join();
  EXPECT_EQ(a->Answer().value().feature.size(), 1u);
  EXPECT_EQ(bb->Answer().value().feature.size(), 2u);
  const absl::Status late = held.batcher().Answer(model, "c", Never).status();
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kUnavailable, "stopping"));
  EXPECT_EQ(ReasonOf(late), "DRAINING");
}

TEST(BatcherTest, EveryCallerAmongManyGetsItsOwnAnswer) {
  Batcher batcher({/*max_batch=*/8, /*max_queue=*/64});
  batcher.Start();
  const auto model = std::make_shared<LengthModel>();
  std::vector<std::unique_ptr<Caller>> callers;
  for (size_t i = 1; i <= 64; ++i) {
    callers.push_back(
        std::make_unique<Caller>(batcher, model, std::string(i, 'x')));
  }
  for (size_t i = 1; i <= 64; ++i) {
    EXPECT_EQ(callers[i - 1]->Answer().value().feature.size(), i);
  }
}

}  // namespace
}  // namespace nevus
