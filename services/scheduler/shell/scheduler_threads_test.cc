// Many callers at once. Nothing here waits for time: a worker that sits and is
// not called hangs, and the test with it.
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "services/scheduler/shell/scheduler_fixture.h"

namespace nevus {
namespace {

constexpr absl::Duration kLong = absl::Minutes(10);

class SchedulerThreadsTest : public SchedulerFixture {};

TEST_F(SchedulerThreadsTest, WaitingWorkersAreCalledUntilAllWorkIsLeased) {
  constexpr int kWorkers = 8;
  std::vector<std::thread> workers;
  std::atomic<int> leased{0};
  for (int i = 0; i < kWorkers; ++i) {
    workers.emplace_back([&, i] {
      const auto response =
          scheduler_->LeaseTask(From(absl::StrCat("w", i)), kLong);
      ASSERT_THAT(response, IsOk());
      if (response->has_lease()) ++leased;
    });
  }
  // Fewer calls than tasks: each that was called sees to the next.
  Submit(ExtractJob(kWorkers - 1));
  Submit(ExtractJob(1));
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(leased, kWorkers);
}

TEST_F(SchedulerThreadsTest, StopEndsEveryWait) {
  const std::string id = Submit(ExtractJob(0)).id();
  const std::string waiting = [&] {
    v1::Job job = ExtractJob(1);
    job.set_kind(v1::TRAINING);
    return Submit(job).id();
  }();
  std::thread worker([&] {
    EXPECT_THAT(scheduler_->LeaseTask(From("w1"), kLong).status(),
                StatusIs(absl::StatusCode::kUnavailable, "stopping"));
  });
  std::thread watcher([&] {
    EXPECT_THAT(scheduler_->AwaitNews(waiting, 1, kLong).status(), IsOk());
  });
  scheduler_->Stop();
  worker.join();
  watcher.join();
}

TEST_F(SchedulerThreadsTest, ACallerThatHasGoneGetsNoLeaseAndHoldsUpNobody) {
  Submit(ExtractJob(1));
  EXPECT_FALSE(scheduler_->LeaseTask(From("w1"), kLong, [] { return true; })
                   ->has_lease());
  EXPECT_TRUE(Lease("w2").has_lease());
}

TEST_F(SchedulerThreadsTest, TheSameSubmitFromManyThreadsIsOneJob) {
  Mutex mutex;
  std::set<std::string> ids;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const v1::Job job = Submit(ExtractJob(1, "r"));
      MutexLock lock(mutex);
      ids.insert(job.id());
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(ids.size(), 1u);
  EXPECT_EQ(List().size(), 1u);
}

TEST_F(SchedulerThreadsTest, EveryTaskIsDoneOnceWhateverElseHappens) {
  constexpr int kJobs = 40;
  constexpr int kTasks = 5;
  constexpr int kWorkers = 4;
  Mutex mutex;
  std::map<std::string, std::set<int>> done;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWorkers; ++i) {
    threads.emplace_back([&, name = absl::StrCat("w", i)] {
      for (int n = 0; n < kJobs * kTasks / kWorkers; ++n) {
        const auto leased = scheduler_->LeaseTask(From(name), kLong);
        ASSERT_THAT(leased, IsOk());
        ASSERT_TRUE(leased->has_lease());
        ASSERT_THAT(scheduler_->Heartbeat(Alive(name, leased->lease(), n + 1)),
                    IsOk());
        {
          MutexLock lock(mutex);
          EXPECT_TRUE(done[leased->lease().job()]
                          .insert(leased->lease().task())
                          .second);
        }
        ASSERT_THAT(Finish(name, leased->lease()), IsOk());
      }
    });
  }
  std::thread ticker([&] {
    for (int n = 0; n < 200; ++n) {
      scheduler_->Tick();
      List(7);
    }
  });
  // Each needs the one before: they end in order.
  std::string last;
  for (int n = 0; n < kJobs; ++n) {
    v1::Job job = ExtractJob(kTasks);
    if (!last.empty()) job.add_depends_on(last);
    last = Submit(job).id();
  }
  for (std::thread& thread : threads) thread.join();
  ticker.join();
  EXPECT_EQ(StateOf(last), v1::SUCCEEDED);
  EXPECT_EQ(done.size(), static_cast<size_t>(kJobs));
  const std::vector<std::string> before = Events(last);
  Open();
  EXPECT_EQ(Events(last), before);
}

}  // namespace
}  // namespace nevus
