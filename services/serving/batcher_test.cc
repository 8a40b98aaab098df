#include "services/serving/batcher.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// What the callers below get: the length that the model answered with.
using Length = absl::StatusOr<float>;

const BatchLimits kLimits = {/*max_batch=*/8, /*max_queue=*/64};

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

// Answers with an image's length, remembers its batches, and can be held in the
// first of them until a gate opens.
class LengthModel : public BatchModel {
 public:
  explicit LengthModel(Gate* hold = nullptr) : hold_(hold) {}

  void Answer(const std::vector<std::string_view>& images,
              const Done& done) override {
    {
      MutexLock lock(mutex_);
      batches_.emplace_back(images.begin(), images.end());
    }
    began_.Open();
    if (hold_ != nullptr) hold_->Wait();
    for (size_t i = 0; i < images.size(); ++i) {
      // The caller may free the image once its answer is there.
      const bool hold = images[i] == "hold";
      if (images[i] == "bad") {
        done(i, absl::InvalidArgumentError("no image"));
      } else {
        done(i, ImageAnswer{static_cast<float>(images[i].size()), {}, {}});
      }
      if (hold) rest_.Wait();
    }
  }

  // Lets go on what "hold" stopped.
  void GoOn() { rest_.Open(); }
  void WaitUntilItBegan() { began_.Wait(); }
  std::vector<std::vector<std::string>> batches() {
    MutexLock lock(mutex_);
    return batches_;
  }

 private:
  Gate* const hold_;
  Gate began_;
  Gate rest_;
  Mutex mutex_;
  std::vector<std::vector<std::string>> batches_ ABSL_GUARDED_BY(mutex_);
};

BatchRequest Request(std::shared_ptr<BatchModel> model,
                     std::vector<std::string_view> images) {
  BatchRequest request;
  request.model = std::move(model);
  request.images = std::move(images);
  return request;
}

// The answer for one image.
absl::StatusOr<BatchedAnswer> Ask(Batcher& batcher,
                                  const BatchRequest& request) {
  auto answers = batcher.Answer(request);
  if (!answers.ok()) return answers.status();
  return (*answers)[0];
}

// A caller on a thread of its own.
class Caller {
 public:
  Caller(Batcher& batcher, std::shared_ptr<BatchModel> model, std::string image,
         absl::Time deadline = absl::InfiniteFuture(), int priority = 0)
      : image_(std::move(image)),
        thread_([this, &batcher, model, deadline, priority] {
          BatchRequest request = Request(model, {image_});
          request.deadline = deadline;
          request.priority = priority;
          request.abandoned = [this] { return gone_.load(); };
          whole_ = Ask(batcher, request);
          if (whole_.ok()) {
            answer_ = whole_->answer.logit;
          } else {
            answer_ = whole_.status();
          }
        }) {}
  ~Caller() {
    if (thread_.joinable()) thread_.join();
  }
  void GoAway() { gone_ = true; }
  Length Answer() {
    if (thread_.joinable()) thread_.join();
    return answer_;
  }
  absl::StatusOr<BatchedAnswer> Whole() {
    if (thread_.joinable()) thread_.join();
    return whole_;
  }

 private:
  const std::string image_;
  std::atomic<bool> gone_{false};
  absl::StatusOr<BatchedAnswer> whole_ = absl::UnknownError("not answered");
  Length answer_ = absl::UnknownError("not answered");
  std::thread thread_;  // last: it uses the others
};

// A batcher whose compute thread is held in a first batch: what comes after it
// stays in the queue until Release.
class HeldBatcher {
 public:
  explicit HeldBatcher(const BatchLimits& limits) : batcher_(limits, clock_) {
    batcher_.Start();
    first_ = std::make_unique<Caller>(batcher_, first_model_, "first");
    first_model_->WaitUntilItBegan();
  }
  ~HeldBatcher() { Release(); }

  void Release() { gate_.Open(); }
  Batcher& batcher() { return batcher_; }
  FakeClock& clock() { return clock_; }

  // Returns when the image is in the queue.
  std::unique_ptr<Caller> Call(std::shared_ptr<BatchModel> model,
                               const std::string& image,
                               absl::Time deadline = absl::InfiniteFuture(),
                               int priority = 0) {
    const size_t before = batcher_.waiting();
    auto caller = std::make_unique<Caller>(batcher_, std::move(model), image,
                                           deadline, priority);
    while (batcher_.waiting() == before) std::this_thread::yield();
    return caller;
  }

 private:
  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  Gate gate_;
  std::shared_ptr<LengthModel> first_model_ =
      std::make_shared<LengthModel>(&gate_);
  Batcher batcher_;
  std::unique_ptr<Caller> first_;
};

using Batches = std::vector<std::vector<std::string>>;

TEST(BatcherTest, AnImageAloneIsAnsweredAtOnce) {
  const FakeClock clock(absl::UnixEpoch());
  Batcher batcher(kLimits, clock);
  batcher.Start();
  const auto model = std::make_shared<LengthModel>();
  const BatchedAnswer answer = Ask(batcher, Request(model, {"four"})).value();
  EXPECT_EQ(answer.answer.logit, 4);
  EXPECT_EQ(answer.batch_size, 1);
  EXPECT_EQ(answer.wait, absl::ZeroDuration());
  EXPECT_EQ(model->batches(), (Batches{{"four"}}));
}

TEST(BatcherTest, WhatWaitsForOneModelIsTakenTogetherUpToTheMostInABatch) {
  HeldBatcher held({/*max_batch=*/2, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto bb = held.Call(model, "bb");
  const auto ccc = held.Call(model, "ccc");
  held.Release();
  EXPECT_EQ(a->Answer().value(), 1);
  EXPECT_EQ(bb->Answer().value(), 2);
  EXPECT_EQ(ccc->Answer().value(), 3);
  EXPECT_EQ(model->batches(), (Batches{{"a", "bb"}, {"ccc"}}));
}

TEST(BatcherTest, ModelsNeverShareABatchAndNoneOvertakesTheOldestImage) {
  HeldBatcher held(kLimits);
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
  HeldBatcher held(kLimits);
  const auto model = std::make_shared<LengthModel>();
  const auto bad = held.Call(model, "bad");
  const auto good = held.Call(model, "good");
  held.Release();
  EXPECT_THAT(bad->Answer(),
              StatusIs(absl::StatusCode::kInvalidArgument, "no image"));
  EXPECT_EQ(good->Answer().value(), 4);
}

TEST(BatcherTest, AFullQueueRefusesAndSaysWhenToRetry) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/2});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto b = held.Call(model, "b");
  const absl::Status refused =
      Ask(held.batcher(), Request(model, {"c"})).status();
  EXPECT_THAT(refused,
              StatusIs(absl::StatusCode::kResourceExhausted, "2 images wait"));
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_GT(RetryDelayOf(refused), absl::ZeroDuration());
  held.Release();
  EXPECT_THAT(a->Answer(), IsOk());
  EXPECT_THAT(b->Answer(), IsOk());
}

TEST(BatcherTest, AnAbandonedImageCostsNoComputation) {
  HeldBatcher held(kLimits);
  const auto model = std::make_shared<LengthModel>();
  const auto gone = held.Call(model, "gone");
  const auto here = held.Call(model, "here");
  gone->GoAway();
  held.Release();
  EXPECT_THAT(gone->Answer(),
              StatusIs(absl::StatusCode::kCancelled, "it was not computed"));
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
  EXPECT_EQ(next.Answer().value(), 4);
}

TEST(BatcherTest, AnExpiredImageCostsNoComputation) {
  HeldBatcher held(kLimits);
  const auto model = std::make_shared<LengthModel>();
  const absl::Time soon = held.clock().Now() + absl::Seconds(1);
  const auto late = held.Call(model, "late", soon);
  const auto patient = held.Call(model, "patient");
  held.clock().Advance(absl::Seconds(1));
  held.Release();
  EXPECT_THAT(late->Answer(),
              StatusIs(absl::StatusCode::kDeadlineExceeded, "not computed"));
  EXPECT_THAT(patient->Answer(), IsOk());
  EXPECT_EQ(model->batches(), (Batches{{"patient"}}));
}

TEST(BatcherTest, AnAnswerSaysInWhichBatchItWasAndHowLongItWaited) {
  HeldBatcher held(kLimits);
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  held.clock().Advance(absl::Milliseconds(30));
  const auto b = held.Call(model, "b");
  held.clock().Advance(absl::Milliseconds(12));
  held.Release();
  EXPECT_EQ(a->Whole()->batch_size, 2);
  EXPECT_EQ(a->Whole()->wait, absl::Milliseconds(42));
  EXPECT_EQ(b->Whole()->wait, absl::Milliseconds(12));
}

TEST(BatcherTest, AnImageIsAnsweredBeforeTheRestOfItsBatch) {
  HeldBatcher held(kLimits);
  const auto model = std::make_shared<LengthModel>();
  const auto first = held.Call(model, "hold");
  const auto second = held.Call(model, "second");
  held.Release();
  EXPECT_EQ(first->Answer().value(), 4);
  model->GoOn();
  EXPECT_EQ(second->Answer().value(), 6);
  EXPECT_EQ(model->batches(), (Batches{{"hold", "second"}}));
}

TEST(BatcherTest, OneOfHigherPriorityTakesAPlaceInAFullQueue) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/1});
  const auto model = std::make_shared<LengthModel>();
  const auto low = held.Call(model, "low");
  Caller high(held.batcher(), model, "high", absl::InfiniteFuture(), 1);
  const absl::Status displaced = low->Answer().status();
  EXPECT_EQ(ReasonOf(displaced), "QUEUE_FULL");
  EXPECT_GT(RetryDelayOf(displaced), absl::ZeroDuration());
  held.Release();
  EXPECT_EQ(high.Answer().value(), 4);
}

TEST(BatcherTest, ACallThatLosesAnImageLosesItsOthersToo) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/3});
  const auto model = std::make_shared<LengthModel>();
  const auto other = held.Call(model, "other");
  absl::Status lost;
  std::thread pair([&] {
    lost = held.batcher().Answer(Request(model, {"one", "two"})).status();
  });
  while (held.batcher().waiting() < 3) std::this_thread::yield();
  Caller high(held.batcher(), model, "high", absl::InfiniteFuture(), 1);
  pair.join();
  EXPECT_EQ(ReasonOf(lost), "QUEUE_FULL");
  while (held.batcher().waiting() < 2) std::this_thread::yield();
  held.Release();
  EXPECT_THAT(high.Answer(), IsOk());
  EXPECT_THAT(other->Answer(), IsOk());
  EXPECT_EQ(model->batches(), (Batches{{"high", "other"}}));
}

TEST(BatcherTest, TheImagesOfOneCallAreAnsweredInOrderHoweverMany) {
  const FakeClock clock(absl::UnixEpoch());
  Batcher batcher({/*max_batch=*/2, /*max_queue=*/2}, clock);
  batcher.Start();
  const auto model = std::make_shared<LengthModel>();
  const auto answers =
      batcher.Answer(Request(model, {"a", "bb", "bad", "dddd", "eeeee"}));
  ASSERT_THAT(answers, IsOk());
  ASSERT_EQ(answers->size(), 5u);
  EXPECT_EQ((*answers)[1]->answer.logit, 2);
  EXPECT_THAT((*answers)[2],
              StatusIs(absl::StatusCode::kInvalidArgument, "no image"));
  EXPECT_EQ((*answers)[4]->answer.logit, 5);
}

TEST(BatcherTest, ACallWhoseImagesDoNotAllFitTakesNoPlace) {
  HeldBatcher held({/*max_batch=*/8, /*max_queue=*/2});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  EXPECT_THAT(held.batcher().Answer(Request(model, {"b", "c"})),
              StatusIs(absl::StatusCode::kResourceExhausted, ""));
  EXPECT_EQ(held.batcher().waiting(), 1u);
  held.Release();
  EXPECT_EQ(a->Answer().value(), 1);
}

TEST(BatcherTest, StopAnswersAllThatWaitAndRefusesWhatComesAfter) {
  HeldBatcher held({/*max_batch=*/1, /*max_queue=*/64});
  const auto model = std::make_shared<LengthModel>();
  const auto a = held.Call(model, "a");
  const auto bb = held.Call(model, "bb");
  held.batcher().Stop();
  const absl::Status late = Ask(held.batcher(), Request(model, {"c"})).status();
  held.Release();
  EXPECT_EQ(a->Answer().value(), 1);
  EXPECT_EQ(bb->Answer().value(), 2);
  EXPECT_THAT(late, StatusIs(absl::StatusCode::kUnavailable, "stopping"));
  EXPECT_EQ(ReasonOf(late), "DRAINING");
}

TEST(BatcherTest, EveryCallerAmongManyGetsItsOwnAnswer) {
  const FakeClock clock(absl::UnixEpoch());
  Batcher batcher(kLimits, clock);
  batcher.Start();
  const auto model = std::make_shared<LengthModel>();
  std::vector<std::unique_ptr<Caller>> callers;
  for (size_t i = 1; i <= 64; ++i) {
    callers.push_back(
        std::make_unique<Caller>(batcher, model, std::string(i, 'x')));
  }
  for (size_t i = 1; i <= 64; ++i) {
    EXPECT_EQ(callers[i - 1]->Answer().value(), i);
  }
}

}  // namespace
}  // namespace nevus
