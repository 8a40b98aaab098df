#include "services/serving/prediction_log.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/engine/timestamp.h"
#include "storage/prediction/prediction_store.h"
#include "storage/testing/failing_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

v1::LoggedPrediction Make(const std::string& id, int seconds = 0) {
  v1::LoggedPrediction prediction;
  prediction.set_prediction_id(id);
  prediction.set_model("melanoma");
  prediction.set_model_version(1);
  prediction.set_image_digest(std::string(64, 'a'));
  *prediction.mutable_predict_time() =
      TimestampOf(kNoon + absl::Seconds(seconds));
  return prediction;
}

std::vector<std::string> Ids(const PredictionStore& store) {
  std::vector<std::string> ids;
  EXPECT_THAT(store.Visit({}, "",
                          [&](const std::string&, v1::LoggedPrediction one) {
                            ids.push_back(one.prediction_id());
                            return true;
                          }),
              IsOk());
  return ids;
}

// A disk whose writes wait until it is opened.
class SlowStore : public KeyValueStore {
 public:
  explicit SlowStore(KeyValueStore& store) : store_(store) {}

  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  // Returns when a write has come.
  void AwaitWrite() {
    MutexLock lock(mutex_);
    while (writes_ == 0) changed_.Wait(mutex_);
  }
  int writes() const {
    MutexLock lock(mutex_);
    return writes_;
  }

  absl::StatusOr<std::string> Get(const std::string& key) const override {
    return store_.Get(key);
  }
  absl::Status Apply(std::vector<Mutation> batch) override {
    {
      MutexLock lock(mutex_);
      ++writes_;
      changed_.NotifyAll();
      while (!open_) changed_.Wait(mutex_);
    }
    return store_.Apply(std::move(batch));
  }
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override {
    return store_.Scan(prefix, start_after, visit);
  }

 private:
  KeyValueStore& store_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(PredictionLogTest, WhatWasAddedIsThereAfterAFlush) {
  MemoryStore memory;
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(memory).value();
  PredictionLog log(*store, clock, {});
  log.Start();
  log.Add(Make("a"), "pixels");
  log.Flush();
  EXPECT_THAT(Ids(*store), ElementsAre("a"));
  EXPECT_EQ(absl::StatusCode::kNotFound,
            store->GetImage(std::string(64, 'a')).status().code())
      << "nobody asked for pixels";
  log.Stop();
}

TEST(PredictionLogTest, ImagesAreKeptOnRequest) {
  MemoryStore memory;
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(memory).value();
  PredictionLogOptions options;
  options.log_images = true;
  PredictionLog log(*store, clock, options);
  log.Start();
  log.Add(Make("a"), "pixels");
  log.Stop();
  EXPECT_EQ(store->GetImage(std::string(64, 'a')).value(), "pixels");
}

TEST(PredictionLogTest, AddWaitsForNoDiskAndTheNextSyncHoldsAllThatCame) {
  MemoryStore memory;
  SlowStore disk(memory);
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(disk).value();
  PredictionLog log(*store, clock, {});
  log.Start();
  log.Add(Make("a", 1), "");
  disk.AwaitWrite();
  // The disk writes the first; these return all the same.
  for (int i = 0; i < 100; ++i) log.Add(Make("b" + std::to_string(i), 2), "");
  EXPECT_EQ(log.waiting(), 100u);
  disk.Open();
  log.Flush();
  EXPECT_THAT(Ids(*store), SizeIs(101));
  EXPECT_EQ(disk.writes(), 2);
  log.Stop();
}

TEST(PredictionLogTest, AFullQueueDropsAndCounts) {
  MemoryStore memory;
  SlowStore disk(memory);
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(disk).value();
  PredictionLogOptions options;
  options.max_queue = 2;
  PredictionLog log(*store, clock, options);
  log.Start();
  log.Add(Make("a", 1), "");
  disk.AwaitWrite();
  for (const char* id : {"b", "c", "d"}) log.Add(Make(id, 2), "");
  EXPECT_EQ(log.dropped(), 1);
  disk.Open();
  log.Stop();
  EXPECT_THAT(Ids(*store), ElementsAre("a", "b", "c"));
}

TEST(PredictionLogTest, ImagesThatWaitAreLimitedByTheirBytes) {
  MemoryStore memory;
  SlowStore disk(memory);
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(disk).value();
  PredictionLogOptions options;
  options.log_images = true;
  options.max_queue_bytes = 10;
  PredictionLog log(*store, clock, options);
  log.Start();
  log.Add(Make("a", 1), "12345");
  disk.AwaitWrite();
  for (const char* id : {"b", "c", "d"}) log.Add(Make(id, 2), "12345");
  EXPECT_EQ(log.dropped(), 1);
  disk.Open();
  log.Stop();
  EXPECT_THAT(Ids(*store), ElementsAre("a", "b", "c"));
}

TEST(PredictionLogTest, WhatTheDiskRefusedIsWrittenWhenItTakesItAgain) {
  MemoryStore memory;
  FailingStore disk(memory, /*fail_at=*/1);
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(disk).value();
  PredictionLog log(*store, clock, {});
  log.Start();
  log.Add(Make("a"), "");
  log.Flush();  // returns: the disk has refused, or has taken it since
  log.Stop();   // tries once more
  EXPECT_TRUE(disk.fired());
  EXPECT_THAT(Ids(*store), ElementsAre("a"));
  EXPECT_EQ(log.dropped(), 0);
}

TEST(PredictionLogTest, TheOldestGoWhenThereAreTooMany) {
  MemoryStore memory;
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(memory).value();
  PredictionLogOptions options;
  options.limits.keep = 2;
  PredictionLog log(*store, clock, options);
  log.Start();
  for (const char* id : {"a", "b", "c"}) {
    log.Add(Make(id, id[0] - 'a'), "");
    log.Flush();
  }
  log.Stop();
  EXPECT_THAT(Ids(*store), ElementsAre("b", "c"));
}

TEST(PredictionLogTest, AfterItsEndNothingIsAddedAndAFlushReturns) {
  MemoryStore memory;
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(memory).value();
  PredictionLog log(*store, clock, {});
  log.Start();
  log.Stop();
  log.Add(Make("a"), "");
  log.Flush();
  EXPECT_EQ(log.dropped(), 1);
  EXPECT_THAT(Ids(*store), SizeIs(0));
}

TEST(PredictionLogTest, ManyThreadsLoseNothing) {
  MemoryStore memory;
  FakeClock clock(kNoon);
  const auto store = PredictionStore::Open(memory).value();
  PredictionLog log(*store, clock, {});
  log.Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 200; ++i) {
        log.Add(Make(std::to_string(t) + "-" + std::to_string(i), i), "");
        if (i % 50 == 0) log.Flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log.Stop();
  EXPECT_EQ(store->count(), 800);
}

}  // namespace
}  // namespace nevus
