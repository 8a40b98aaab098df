// A job's history: numbered, stored with what it tells of, seen once.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "services/scheduler/shell/job_events.h"
#include "services/scheduler/shell/scheduler_fixture.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SchedulerEventsTest : public SchedulerFixture {
 protected:
  // The states of all tasks as a watcher works them out from the history alone,
  // by what job.proto says of JobStateEvent.
  std::vector<std::string> Replayed(const std::string& id, int tasks) {
    std::vector<v1::TaskState> states(tasks, v1::WAITING);
    EXPECT_THAT(scheduler_->ReadEvents(
                    id, 0, Get(id)->last_event(),
                    [&](const v1::JobEvent& event) {
                      if (event.has_task()) {
                        states.at(event.task().task()) = event.task().state();
                      }
                      const v1::JobState job = event.state().state();
                      for (v1::TaskState& task : states) {
                        if ((job == v1::FAILED || job == v1::CANCELLED) &&
                            task == v1::WAITING) {
                          task = v1::DROPPED;
                        }
                        if (job == v1::PENDING && task != v1::DONE)
                          task = v1::WAITING;
                      }
                      return true;
                    }),
                IsOk());
    std::vector<std::string> names;
    for (v1::TaskState task : states) {
      names.push_back(v1::TaskState_Name(task));
    }
    return names;
  }
  std::vector<std::string> TaskStates(const std::string& id) {
    std::vector<std::string> names;
    const v1::Job job = Get(id).value();
    for (const v1::Task& task : job.tasks()) {
      names.push_back(v1::TaskState_Name(task.state()));
    }
    return names;
  }
};

v1::HeartbeatRequest WithLines(v1::HeartbeatRequest request, int64_t first,
                               const std::vector<std::string>& lines) {
  request.set_first_log_line(first);
  for (const std::string& line : lines) request.add_log_lines(line);
  return request;
}

TEST_F(SchedulerEventsTest, TellWhatHappenedInOrder) {
  const v1::Job job = Submit(ExtractJob(1));
  EXPECT_EQ(job.last_event(), 1);
  const v1::Lease lost = Lease("w1").lease();
  clock_.Advance(absl::Seconds(2));
  ASSERT_THAT(
      scheduler_->Heartbeat(WithLines(Alive("w1", lost, 7), 1, {"a", "b"})),
      IsOk());
  clock_.Advance(options_.policy.lease);
  scheduler_->Tick();
  DoOne("w2");
  EXPECT_THAT(
      Events(job.id()),
      ElementsAre("1 state PENDING", "2 task 0 LEASED w1", "3 state RUNNING",
                  "4 progress 0 7/256", "5 log 0 a", "6 log 0 b",
                  "7 task 0 WAITING w1", "8 task 0 LEASED w2",
                  "9 task 0 DONE w2", "10 state SUCCEEDED"));
  EXPECT_EQ(Get(job.id())->last_event(), 10);
}

TEST_F(SchedulerEventsTest, EveryTasksStateFollowsFromTheHistory) {
  const std::string id = Submit(ExtractJob(4)).id();
  const auto check = [&](const std::vector<std::string>& states) {
    EXPECT_EQ(TaskStates(id), states);
    EXPECT_EQ(Replayed(id, 4), states);
  };
  check({"WAITING", "WAITING", "WAITING", "WAITING"});
  DoOne("w1");
  const v1::Lease held = Lease("w1").lease();
  const v1::Lease bad = Lease("w2").lease();
  check({"DONE", "LEASED", "LEASED", "WAITING"});
  ASSERT_THAT(Fail("w2", bad, absl::StatusCode::kDataLoss, "BAD"), IsOk());
  check({"DONE", "DROPPED", "BROKEN", "DROPPED"});
  ASSERT_THAT(Retry(id), IsOk());
  check({"DONE", "WAITING", "WAITING", "WAITING"});
  EXPECT_FALSE(Finish("w1", held).ok());
  Lease("w1");
  clock_.Advance(options_.policy.lease);
  scheduler_->Tick();
  check({"DONE", "WAITING", "WAITING", "WAITING"});
  Lease("w2");
  ASSERT_THAT(Cancel(id), IsOk());
  check({"DONE", "DROPPED", "DROPPED", "DROPPED"});
  ASSERT_THAT(Retry(id), IsOk());
  const v1::Lease again = Lease("w1").lease();
  ASSERT_THAT(Fail("w1", again, absl::StatusCode::kInternal, ""), IsOk());
  check({"DONE", "WAITING", "WAITING", "WAITING"});
  for (int i = 0; i < 2; ++i) DoOne("w2");
  check({"DONE", "WAITING", "DONE", "DONE"});
  clock_.Advance(absl::Seconds(2));
  DoOne("w2");
  check({"DONE", "DONE", "DONE", "DONE"});
}

TEST_F(SchedulerEventsTest, AWatcherThatComesBackMissesAndRepeatsNone) {
  const std::string id = Submit(ExtractJob(2)).id();
  std::vector<std::string> seen;
  int64_t last = 0;
  const auto look = [&] {
    for (const std::string& event : Events(id, last)) seen.push_back(event);
    last = Get(id)->last_event();
  };
  look();
  const v1::Lease lease = Lease("w1").lease();
  look();
  Open();
  look();
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease, 9)), IsOk());
  Open();
  ASSERT_THAT(Finish("w1", lease), IsOk());
  look();
  DoOne();
  Open();
  look();
  EXPECT_EQ(seen, Events(id));
  EXPECT_EQ(seen.back(), std::to_string(last) + " state SUCCEEDED");
  EXPECT_EQ(static_cast<int64_t>(seen.size()), last);
}

TEST_F(SchedulerEventsTest, AreSeenOnlyWhenStored) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  const std::vector<std::string> before = Events(id);
  engine_.fail_from = 1;
  EXPECT_FALSE(scheduler_->Heartbeat(Alive("w1", lease, 7)).ok());
  EXPECT_FALSE(Finish("w1", lease).ok());
  EXPECT_EQ(Events(id), before);
  engine_.fail_from = 0;
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease, 7)), IsOk());
  EXPECT_THAT(Events(id, 3), ElementsAre("4 progress 0 7/256"));
}

TEST_F(SchedulerEventsTest, AHeartbeatWithoutNewsTellsAndWritesNothing) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease, 7)), IsOk());
  const auto rows = engine_.rows();
  clock_.Advance(absl::Seconds(3));
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease, 7)), IsOk());
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease)), IsOk());
  EXPECT_EQ(engine_.rows(), rows);
  Open();
  EXPECT_EQ(Get(id)->progress().done(), 7) << "it was stored with its event";
}

TEST_F(SchedulerEventsTest, ProgressComesWithRateAndTimeLeft) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  clock_.Advance(absl::Seconds(4));
  ASSERT_THAT(scheduler_->Heartbeat(Alive("w1", lease, 64)), IsOk());
  v1::TaskProgressEvent told;
  ASSERT_THAT(scheduler_->ReadEvents(id, 3, 4,
                                     [&](const v1::JobEvent& event) {
                                       told = event.progress();
                                       return true;
                                     }),
              IsOk());
  EXPECT_EQ(told.rate(), 16);
  EXPECT_EQ(told.time_left().seconds(), 12);
}

TEST_F(SchedulerEventsTest, ALineOfALogIsKeptOnceAlsoAcrossARestart) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  const v1::HeartbeatRequest alive = Alive("w1", lease);
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(scheduler_->Heartbeat(WithLines(alive, 1, {"a", "b"})), IsOk());
    ASSERT_THAT(scheduler_->Heartbeat(WithLines(alive, 2, {"b", "c"})), IsOk());
    Open();
  }
  EXPECT_THAT(Events(id, 3),
              ElementsAre("4 log 0 a", "5 log 0 b", "6 log 0 c"));
  // The next attempt begins at 1 again.
  clock_.Advance(options_.policy.lease);
  scheduler_->Tick();
  const v1::Lease next = Lease("w2").lease();
  ASSERT_THAT(scheduler_->Heartbeat(WithLines(Alive("w2", next), 1, {"a"})),
              IsOk());
  EXPECT_THAT(Events(id, 8), ElementsAre("9 log 0 a"));
  EXPECT_THAT(scheduler_->Heartbeat(WithLines(alive, 4, {"d"})),
              StatusIs(absl::StatusCode::kAborted, "w1"));
}

TEST_F(SchedulerEventsTest, LongLinesAreCutAndOfManyTheNewestAreKept) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  std::vector<std::string> lines(101, "x");
  lines[100] = std::string(1023, 'y') + "\xc3\xa9";  // é, over the edge
  ASSERT_THAT(scheduler_->Heartbeat(WithLines(Alive("w1", lease), 1, lines)),
              IsOk());
  const std::vector<std::string> told = Events(id, 3);
  ASSERT_EQ(told.size(), 100u);
  EXPECT_EQ(told.back(), "103 log 0 " + std::string(1023, 'y'));
}

TEST_F(SchedulerEventsTest, ThousandsOfDroppedTasksAreToldAsOneEvent) {
  const std::string id = Submit(ExtractJob(1000)).id();
  Lease("w1");
  ASSERT_THAT(Cancel(id), IsOk());
  EXPECT_THAT(Events(id, 3),
              ElementsAre("4 task 0 DROPPED w1", "5 state CANCELLED"));
  ASSERT_THAT(Retry(id), IsOk());
  EXPECT_THAT(Events(id, 5), ElementsAre("6 state PENDING"));
}

TEST_F(SchedulerEventsTest, AReaderIsToldOfNothingBeyondWhatItAskedFor) {
  const std::string id = Submit(ExtractJob(1)).id();
  Lease("w1");
  std::vector<int64_t> numbers;
  const auto read = [&](int64_t after, int64_t last, size_t most) {
    numbers.clear();
    EXPECT_THAT(scheduler_->ReadEvents(id, after, last,
                                       [&](const v1::JobEvent& event) {
                                         numbers.push_back(event.number());
                                         return numbers.size() < most;
                                       }),
                IsOk());
    return numbers;
  };
  EXPECT_THAT(read(0, 2, 9), ElementsAre(1, 2));
  EXPECT_THAT(read(0, 3, 1), ElementsAre(1));
  EXPECT_THAT(read(3, 3, 9), IsEmpty());
}

TEST_F(SchedulerEventsTest, NewsSayWhyAJobWaitsAndWhenItHasEnded) {
  const std::string id = Submit(ExtractJob(1)).id();
  Scheduler::News news =
      scheduler_->AwaitNews(id, 1, absl::ZeroDuration()).value();
  EXPECT_EQ(news.last_event, 1);
  EXPECT_FALSE(news.ended);
  EXPECT_EQ(news.reason.code, "WAITING_FOR_WORKER");
  ASSERT_THAT(Cancel(id), IsOk());
  news = scheduler_->AwaitNews(id, 1, absl::InfiniteDuration()).value();
  EXPECT_EQ(news.last_event, 2);
  EXPECT_TRUE(news.ended);
  EXPECT_EQ(news.reason.code, "");
  EXPECT_THAT(scheduler_->AwaitNews("j-none", 0, absl::ZeroDuration()).status(),
              StatusIs(absl::StatusCode::kNotFound, "j-none"));
}

}  // namespace
}  // namespace nevus
