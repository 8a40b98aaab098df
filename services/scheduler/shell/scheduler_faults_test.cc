// What goes wrong around a scheduler: its store fails at every point, its
// process ends at every point, it starts from a backup.
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "services/scheduler/shell/scheduler_fixture.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

class SchedulerFaultsTest : public SchedulerFixture {
 protected:
  // All that a scheduler says of its jobs, but for leases, which begin anew.
  std::string Say() {
    std::string text;
    for (const std::string& id : List()) {
      v1::Job job = Get(id).value();
      job.clear_reason_message();
      job.clear_reason();
      for (v1::Task& task : *job.mutable_tasks()) task.clear_lease_expiry();
      text += job.DebugString();
      for (const std::string& event : Events(id)) text += event + "\n";
    }
    return text;
  }
};

// Something that somebody asks for, again if it failed.
struct Step {
  std::string name;
  std::function<absl::Status()> run;
};

TEST_F(SchedulerFaultsTest, AFailedWriteLeavesEverythingAsItWas) {
  // For each write of the whole story: fail it, compare, go on, compare again
  // after a restart.
  bool reached = true;
  for (int fail_at = 1; reached; ++fail_at) {
    SCOPED_TRACE(fail_at);
    engine_.Clear();
    Open();
    std::string parent, child;
    v1::Lease lease;
    const std::vector<Step> steps = {
        {"submit",
         [&] {
           const auto job = scheduler_->Submit(ExtractJob(1, "r"));
           if (job.ok()) parent = job->id();
           return job.status();
         }},
        {"submit a dependent",
         [&] {
           const auto job = scheduler_->Submit(After({parent}, 0));
           if (job.ok()) child = job->id();
           return job.status();
         }},
        {"lease",
         [&] {
           const auto leased =
               scheduler_->LeaseTask(From("w1"), absl::ZeroDuration());
           if (leased.ok()) lease = leased->lease();
           return leased.status();
         }},
        {"heartbeat",
         [&] { return scheduler_->Heartbeat(Alive("w1", lease, 7)).status(); }},
        {"cancel", [&] { return Cancel(parent, "c").status(); }},
        {"retry", [&] { return Retry(parent, "t").status(); }},
        {"lease again",
         [&] {
           const auto leased =
               scheduler_->LeaseTask(From("w1"), absl::ZeroDuration());
           if (leased.ok()) lease = leased->lease();
           return leased.status();
         }},
        {"finish", [&] { return Finish("w1", lease); }},
    };
    engine_.writes = 0;
    engine_.fail_from = fail_at;
    engine_.once = true;
    for (const Step& step : steps) {
      SCOPED_TRACE(step.name);
      const std::string before = Say();
      absl::Status status = step.run();
      if (!status.ok()) {
        EXPECT_THAT(status, StatusIs(StatusCode::kResourceExhausted, "full"));
        EXPECT_EQ(ReasonOf(status), "DISK_FULL");
        EXPECT_EQ(Say(), before);
        status = step.run();
      }
      ASSERT_THAT(status, IsOk());
      // What dependents could not be told is told by the next Tick.
      scheduler_->Tick();
    }
    reached = engine_.writes >= fail_at;
    EXPECT_TRUE(reached || fail_at == 10) << "one write a step, and one more";
    engine_.fail_from = 0;
    EXPECT_EQ(StateOf(parent), v1::SUCCEEDED);
    EXPECT_EQ(StateOf(child), v1::FAILED) << "its dependency was cancelled";
    const std::string said = Say();
    Open();
    EXPECT_EQ(Say(), said);
  }
}

TEST_F(SchedulerFaultsTest, AnExpiryThatCannotBeStoredIsTriedAgain) {
  const std::string id = Submit(ExtractJob(1)).id();
  Lease("w1");
  clock_.Advance(options_.policy.lease);
  engine_.fail_from = 1;
  scheduler_->Tick();
  EXPECT_EQ(Get(id)->tasks(0).state(), v1::LEASED);
  engine_.fail_from = 0;
  scheduler_->Tick();
  EXPECT_EQ(Get(id)->tasks(0).state(), v1::WAITING);
}

TEST_F(SchedulerFaultsTest, AWorkerIsNotLostWhileTheDiskIsFull) {
  const std::string id = Submit(ExtractJob(1)).id();
  const v1::Lease lease = Lease("w1").lease();
  engine_.fail_from = 1;
  for (int done = 1; done <= 5; ++done) {
    clock_.Advance(options_.policy.lease - absl::Seconds(1));
    EXPECT_THAT(scheduler_->Heartbeat(Alive("w1", lease, done)),
                StatusIs(StatusCode::kResourceExhausted, "full"));
    scheduler_->Tick();
  }
  engine_.fail_from = 0;
  EXPECT_THAT(Finish("w1", lease), IsOk());
  EXPECT_EQ(StateOf(id), v1::SUCCEEDED);
}

TEST_F(SchedulerFaultsTest, ADependentRunsWhenAllHaveSucceeded) {
  const std::string a = Submit(ExtractJob(1)).id();
  const std::string b = Submit(ExtractJob(1)).id();
  const std::string child = Submit(After({a, b, a})).id();
  EXPECT_EQ(Get(child)->reason(), "WAITING_FOR_DEPENDENCY");
  DoOne();
  Open();
  EXPECT_EQ(Get(child)->reason(), "WAITING_FOR_DEPENDENCY");
  EXPECT_THAT(Get(child)->reason_message(), HasSubstr(b));
  DoOne();
  EXPECT_EQ(Lease("w1").lease().job(), child);
  EXPECT_EQ(Lease("w1").has_lease(), false);
  const std::string late = Submit(After({a, b})).id();
  EXPECT_EQ(Lease("w1").lease().job(), late) << "they count no more";
}

TEST_F(SchedulerFaultsTest, AFailedDependencyFailsAllBehindIt) {
  const std::string a = Submit(ExtractJob(1)).id();
  const std::string b = Submit(After({a})).id();
  const std::string c = Submit(After({b})).id();
  ASSERT_THAT(Cancel(a), IsOk());
  for (const std::string& id : {b, c}) {
    EXPECT_EQ(StateOf(id), v1::FAILED);
    EXPECT_EQ(Get(id)->error().reason(), "DEPENDENCY_FAILED");
  }
  const v1::Job late = Submit(After({a}));
  EXPECT_EQ(late.state(), v1::FAILED);
  EXPECT_EQ(late.error().reason(), "DEPENDENCY_FAILED");
  EXPECT_THAT(scheduler_->Submit(After({"j-none"})),
              StatusIs(StatusCode::kNotFound, "j-none"));

  // Retried from the front.
  EXPECT_THAT(Retry(b), StatusIs(StatusCode::kFailedPrecondition, a));
  ASSERT_THAT(Retry(a), IsOk());
  ASSERT_THAT(Retry(b), IsOk());
  ASSERT_THAT(Retry(c), IsOk());
  Open();
  EXPECT_EQ(Get(b)->reason(), "WAITING_FOR_DEPENDENCY");
  DoOne();
  DoOne();
  DoOne();
  EXPECT_EQ(StateOf(c), v1::SUCCEEDED);
}

TEST_F(SchedulerFaultsTest, ACrashBetweenAnEndAndWhatFollowsLosesNothing) {
  for (const bool succeeds : {true, false}) {
    for (const int tasks : {0, 1}) {
      SCOPED_TRACE(testing::Message() << succeeds << " " << tasks);
      const std::string parent = Submit(ExtractJob(1)).id();
      const std::string child = Submit(After({parent}, tasks)).id();
      const v1::Lease lease = Lease("w1").lease();
      engine_.writes = 0;
      engine_.fail_from = 2;
      if (succeeds) {
        EXPECT_THAT(Finish("w1", lease), IsOk()) << "it is stored itself";
      } else {
        EXPECT_THAT(Cancel(parent), IsOk());
      }
      EXPECT_EQ(StateOf(child), v1::PENDING);
      engine_.fail_from = 0;
      Open();
      if (!succeeds) {
        EXPECT_EQ(StateOf(child), v1::FAILED);
        continue;
      }
      if (tasks == 1) DoOne();
      EXPECT_EQ(StateOf(child), v1::SUCCEEDED);
    }
  }
}

TEST_F(SchedulerFaultsTest, ACopyRaisesTokensAtWhateverPointItIsInterrupted) {
  const std::string running = Submit(ExtractJob(2)).id();
  const std::string waiting = Submit(ExtractJob(1)).id();
  const std::string ended = Submit(ExtractJob(0)).id();
  const std::string cancelled = Submit(ExtractJob(1)).id();
  ASSERT_THAT(Cancel(cancelled), IsOk());
  const v1::Lease before = Lease("w1").lease();
  ASSERT_THAT(engine_.MemoryStore::Apply({MarkRestored()}), IsOk());
  int fail_at = 0;
  absl::Status opened;
  do {
    engine_.writes = 0;
    engine_.fail_from = ++fail_at;
    store_ = std::make_unique<JobStore>(engine_);
    opened = Scheduler::Open(*store_, *requests_, clock_, options_).status();
    if (!opened.ok()) {
      EXPECT_THAT(opened, StatusIs(StatusCode::kResourceExhausted, "full"));
      EXPECT_TRUE(store_->restored().value());
    }
  } while (!opened.ok());
  EXPECT_EQ(fail_at, 3) << "one write of all jobs, one of the mark";
  engine_.fail_from = 0;
  Open();
  EXPECT_FALSE(store_->restored().value());
  EXPECT_EQ(Get(running)->tasks(0).state(), v1::WAITING);
  EXPECT_GE(Get(running)->tasks(0).fencing_token(), 1'000'000);
  EXPECT_GE(Get(waiting)->tasks(0).fencing_token(), 1'000'000);
  EXPECT_EQ(StateOf(ended), v1::SUCCEEDED);
  EXPECT_EQ(StateOf(cancelled), v1::CANCELLED);
  EXPECT_GE(Get(cancelled)->tasks(0).fencing_token(), 1'000'000)
      << "it was perhaps retried since";
  EXPECT_THAT(Finish("w1", before), StatusIs(StatusCode::kAborted, "w1"));
  const int64_t raised = Get(running)->tasks(0).fencing_token();
  Open();
  EXPECT_EQ(Get(running)->tasks(0).fencing_token(), raised) << "once";
}

TEST_F(SchedulerFaultsTest, NoTwoLivesFromOneCopyGiveTheSameToken) {
  const std::string id = Submit(ExtractJob(1)).id();
  ASSERT_THAT(engine_.MemoryStore::Apply({MarkRestored()}), IsOk());
  const auto copy = engine_.rows();
  std::vector<v1::Lease> lives;
  for (int i = 0; i < 3; ++i) {
    engine_.Clear();
    for (const auto& [key, value] : copy) {
      ASSERT_THAT(engine_.MemoryStore::Apply({{key, value}}), IsOk());
    }
    clock_.Advance(absl::Seconds(1));
    Open();
    lives.push_back(Lease("w1").lease());
    ASSERT_EQ(lives.back().job(), id);
  }
  // The stores that it writes to go on refusing those of earlier lives.
  EXPECT_LT(lives[0].fencing_token(), lives[1].fencing_token());
  EXPECT_LT(lives[1].fencing_token(), lives[2].fencing_token());
  for (const v1::Lease& early : {lives[0], lives[1]}) {
    EXPECT_THAT(Finish("w1", early), StatusIs(StatusCode::kAborted, "w1"));
  }
}

TEST_F(SchedulerFaultsTest, ADamagedJobIsNamedAtTheStart) {
  const std::string id = Submit(ExtractJob(1)).id();
  engine_.Damage("tasks!" + id);
  JobStore store(engine_);
  EXPECT_THAT(Scheduler::Open(store, *requests_, clock_, options_).status(),
              StatusIs(StatusCode::kDataLoss, "tasks!" + id));
}

}  // namespace
}  // namespace nevus
