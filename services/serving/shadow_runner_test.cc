#include "services/serving/shadow_runner.h"

#include <vector>

#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// Holds work until it is opened.
class Gate {
 public:
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    MutexLock lock(mutex_);
    entered_ = true;
    changed_.NotifyAll();
    while (!open_) changed_.Wait(mutex_);
  }
  void AwaitEntered() {
    MutexLock lock(mutex_);
    while (!entered_) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool entered_ ABSL_GUARDED_BY(mutex_) = false;
};

TEST(ShadowRunnerTest, RunsInOrderAndRefusesWhenFull) {
  ShadowRunner runner(/*max_queue=*/2);
  runner.Start();
  Gate gate;
  std::vector<int> ran;
  EXPECT_TRUE(runner.Offer([&] { gate.Pass(); }));
  gate.AwaitEntered();
  EXPECT_TRUE(runner.Offer([&] { ran.push_back(1); }));
  EXPECT_TRUE(runner.Offer([&] { ran.push_back(2); }));
  EXPECT_FALSE(runner.Offer([&] { ran.push_back(3); }));
  gate.Open();
  runner.AwaitIdle();
  EXPECT_THAT(ran, testing::ElementsAre(1, 2));
  runner.Stop();
}

TEST(ShadowRunnerTest, StopDropsWhatWaitsAndTakesNoMore) {
  ShadowRunner runner;  // not started: what is offered waits
  bool ran = false;
  ASSERT_TRUE(runner.Offer([&] { ran = true; }));
  runner.Stop();
  EXPECT_FALSE(runner.Offer([&] { ran = true; }));
  runner.AwaitIdle();
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace nevus
