// A million events, lost, late, doubled, reordered and false, from workers that
// fall silent and schedulers that crash, by a clock that jumps: after each of
// them the machine must stand where JobModel says.
//
// A failure names its seed; NEVUS_SEED=N plays that history alone.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "gtest/gtest.h"
#include "services/scheduler/core/job_machine.h"
#include "services/scheduler/core/job_model.h"
#include "services/scheduler/core/legal_transitions.h"

namespace nevus::scheduler {
namespace {

constexpr int kEvents = 1'000'000;
constexpr int kEventsOfAHistory = 160;

std::string Show(const Failure& failure) {
  return absl::StrCat(static_cast<int>(failure.code), failure.reason,
                      failure.message);
}

std::string ShowWithoutLease(const Task& task) {
  return absl::StrCat(
      Name(task.state), " ", task.stage, " ", task.attempts, " ",
      task.fencing_token, " ", task.worker, " ",
      absl::ToUnixMillis(task.attempt_start), " ",
      absl::ToUnixMillis(task.not_before), " ", task.progress.done, "/",
      task.progress.total, task.progress.unit, " ", Show(task.last_error), " ",
      absl::StrJoin(task.failed_workers, ","), " ", task.result);
}

// What must survive a crash.
std::string ShowWithoutLeases(const Job& job) {
  std::string text = absl::StrCat(
      Name(job.state), " ", absl::StrJoin(job.waits_for, ","), " ",
      absl::ToUnixMillis(job.start_time), " ", absl::ToUnixMillis(job.end_time),
      " ", Show(job.error), " ", job.result);
  for (const Task& task : job.tasks) {
    absl::StrAppend(&text, "\n", ShowWithoutLease(task));
  }
  return text;
}

// Where workers write what they made: takes a token that is not less than the
// largest it has seen for the task.
class FencedStore {
 public:
  bool Write(int task, int64_t token) {
    if (token < largest_[task]) return false;
    largest_[task] = token;
    return true;
  }
  int64_t Largest(int task) { return largest_[task]; }

 private:
  std::map<int, int64_t> largest_;
};

// One job, its workers, and what goes wrong between them.
class History {
 public:
  explicit History(uint64_t seed)
      : random_(seed),
        policy_(RandomPolicy()),
        job_(RandomJob()),
        model_(job_, policy_),
        stored_(job_) {}

  void Play() {
    for (int i = 0; i < kEventsOfAHistory && !testing::Test::HasFailure();
         ++i) {
      MoveClock();
      Act();
    }
    flying_.clear();
    EndsOnceFaultsStop();
  }

  int events() const { return events_; }
  const Transitions& job_transitions() const { return job_transitions_; }
  const Transitions& task_transitions() const { return task_transitions_; }

 private:
  // What a worker believes to hold, rightly or not.
  struct Hand {
    int task;
    std::string worker;
    int64_t token;
  };
  struct Backup {
    Job job;
    JobModel model;
    std::map<int, int64_t> committed;
  };

  int Draw(int below) { return static_cast<int>(random_() % below); }
  bool OneIn(int chances) { return Draw(chances) == 0; }
  std::string AnyWorker() { return absl::StrCat("w", Draw(3)); }

  Policy RandomPolicy() {
    Policy policy;
    policy.max_attempts = 1 + Draw(5);
    policy.max_backoff = absl::Seconds(1 + Draw(30));
    return policy;
  }

  Job RandomJob() {
    Job job = NewJob(Draw(5), kStart,
                     OneIn(3) ? std::vector<std::string>{"j-0", "j-1"}
                              : std::vector<std::string>{});
    for (Task& task : job.tasks) task.stage = OneIn(3) ? 1 : 0;
    if (OneIn(4)) job.time_limit = absl::Minutes(1 + Draw(4));
    if (OneIn(4)) job.attempt_time_limit = absl::Seconds(5 + Draw(30));
    job.jitter_seed = random_();
    return job;
  }

  void MoveClock() {
    now_ += absl::Milliseconds(Draw(3000));
    if (OneIn(60)) now_ += absl::Seconds(Draw(7200) - 3600);
  }

  // Feeds the machine and the model, and compares everything.
  bool Apply(const Event& event) {
    ++events_;
    const auto step = Step(job_, event, now_, policy_);
    const std::string must = model_.Hear(event, now_, step.ok());
    const std::string where = absl::StrCat(
        "event ", events_, " of kind ", event.index(), " at ",
        absl::FormatDuration(now_ - kStart), " on\n", ShowWithoutLeases(job_));
    EXPECT_EQ(step.ok() ? "" : ReasonOf(step.status()), must) << where;
    if (!step.ok()) return false;
    EXPECT_EQ(model_.Difference(step->next), "") << where;
    CheckTransition(*step, where);
    job_ = step->next;
    if (step->store) stored_ = job_;
    return true;
  }

  void CheckTransition(const Transition& step, const std::string& where) {
    const Job& next = step.next;
    if (job_.state != next.state) {
      EXPECT_EQ(kJobs.count({Name(job_.state), Name(next.state)}), 1u)
          << where << "\nillegal: to " << Name(next.state);
      job_transitions_.emplace(Name(job_.state), Name(next.state));
    }
    EXPECT_EQ(step.store, ShowWithoutLeases(job_) != ShowWithoutLeases(next))
        << where;
    std::vector<int> changed;
    for (int i = 0; i < static_cast<int>(next.tasks.size()); ++i) {
      const Task& from = job_.tasks[i];
      const Task& to = next.tasks[i];
      if (from.state != to.state) {
        EXPECT_EQ(kTasks.count({Name(from.state), Name(to.state)}), 1u)
            << where << "\nillegal: task " << i << " to " << Name(to.state);
        task_transitions_.emplace(Name(from.state), Name(to.state));
      }
      if (from.lease_expiry != to.lease_expiry ||
          ShowWithoutLease(from) != ShowWithoutLease(to)) {
        changed.push_back(i);
      }
    }
    EXPECT_EQ(step.changed_tasks, changed) << where;
  }

  void TakeLease(int task, const std::string& worker) {
    if (!Apply(Lease{task, worker})) return;
    const int64_t token = job_.tasks[task].fencing_token;
    EXPECT_GT(token, largest_given_[task]) << "a token was given twice";
    largest_given_[task] = token;
    hands_.push_back({task, worker, token});
    if (hands_.size() > 12) hands_.erase(hands_.begin());
  }

  void Deliver(const Event& event) {
    const auto* finish = std::get_if<Finish>(&event);
    const bool commits =
        finish != nullptr && finish->failure.code == absl::StatusCode::kOk &&
        model_.Holds(finish->task, finish->worker, finish->fencing_token);
    if (!Apply(event) || !commits) return;
    EXPECT_EQ(store_.Largest(finish->task), finish->fencing_token)
        << "the scheduler believes a result that the store does not have";
    EXPECT_TRUE(committed_.emplace(finish->task, finish->fencing_token).second)
        << "task " << finish->task << " was committed twice";
  }

  // A worker says something about what it holds or believes to hold: it flies.
  void Speak() {
    if (hands_.empty()) return;
    const Hand& hand = hands_[Draw(static_cast<int>(hands_.size()))];
    const Failure kFailures[] = {
        {absl::StatusCode::kUnavailable, "", "store away"},
        {absl::StatusCode::kAborted, "STALE", "another was faster"},
        {absl::StatusCode::kInternal, "KERNEL_FAILED", "a kernel failed"},
        {absl::StatusCode::kResourceExhausted, "DISK_FULL", "disk full"},
        {absl::StatusCode::kResourceExhausted, "", "too much"}};
    if (OneIn(2)) {
      flying_.push_back(Heartbeat{
          hand.task, hand.worker, hand.token, {Draw(9), 9, "images", "", {}}});
    } else if (OneIn(2)) {
      if (!store_.Write(hand.task, hand.token)) return;
      const auto committed = committed_.find(hand.task);
      EXPECT_TRUE(committed == committed_.end() ||
                  committed->second == hand.token)
          << "the store took token " << hand.token << " of task " << hand.task
          << " after another was committed";
      flying_.push_back(Finish{hand.task, hand.worker, hand.token, {}, "made"});
    } else {
      Failure failure = kFailures[Draw(5)];
      if (OneIn(20)) failure = {absl::StatusCode::kDataLoss, "", "bad bytes"};
      flying_.push_back(
          Finish{hand.task, hand.worker, hand.token, failure, "", Draw(4)});
    }
  }

  void DeliverOne() {
    if (flying_.empty()) return;
    const size_t which = static_cast<size_t>(Draw(flying_.size()));
    const Event event = flying_[which];
    if (!OneIn(4)) flying_.erase(flying_.begin() + which);  // else it doubles
    if (!OneIn(6)) Deliver(event);                          // else it is lost
  }

  // Of nobody, or with a token never given.
  void DeliverNonsense() {
    const int task = Draw(7) - 1;
    if (OneIn(2)) Deliver(Heartbeat{task, "stranger", Draw(9), {}});
    if (OneIn(2))
      Deliver(Finish{task, AnyWorker(), 2'000'000'000, {}, "false"});
    if (OneIn(2)) Apply(Lease{task, AnyWorker()});
  }

  void Act() {
    switch (Draw(16)) {
      case 0:
      case 1:
      case 2: {
        const std::string worker = AnyWorker();
        const int task = FindLeasable(job_, now_, worker, Draw(3));
        if (task >= 0) TakeLease(task, worker);
        break;
      }
      case 3:
      case 4:
      case 5:
      case 6:
        Speak();
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        DeliverOne();
        break;
      case 11:
        DeliverNonsense();
        break;
      case 12:
        Apply(Tick{});
        break;
      case 13:
        if (OneIn(3)) Apply(WorkerDied{AnyWorker(), "shot"});
        break;
      case 14:
        if (OneIn(2)) {
          Apply(DependencyEnded{
              absl::StrCat("j-", Draw(3)),
              OneIn(4) ? JobState::kFailed : JobState::kSucceeded});
        }
        if (OneIn(30)) Apply(Cancel{});
        if (OneIn(3)) {
          Apply(OneIn(3) ? Retry{{absl::StrCat("j-", Draw(2))}} : Retry{});
        }
        break;
      case 15:
        CrashOrRestore();
        break;
    }
  }

  void CrashOrRestore() {
    if (OneIn(3)) {
      job_ = stored_;
      Apply(Restart{});
    } else if (OneIn(4)) {
      backup_.emplace(Backup{stored_, model_, committed_});
    } else if (OneIn(4) && backup_.has_value()) {
      // Everything since is forgotten, but not by the workers, nor by the
      // store that they write to. A later backup is needed for the next time:
      // the leap goes past tokens given since this one, not past two leaps.
      stored_ = job_ = backup_->job;
      model_ = backup_->model;
      committed_ = backup_->committed;
      backup_.reset();
      Apply(Restore{});
    }
  }

  // One honest worker, time that passes, dependencies that succeed.
  void EndsOnceFaultsStop() {
    bool was_retried = false;
    for (int round = 0; round < 200 && !testing::Test::HasFailure(); ++round) {
      if (HasEnded(job_.state)) {
        if (job_.state == JobState::kSucceeded || was_retried) break;
        was_retried = true;
        ASSERT_TRUE(Apply(Retry{}));
      }
      for (const char* id : {"j-0", "j-1", "j-2"}) {
        Apply(DependencyEnded{id, JobState::kSucceeded});
      }
      Apply(Tick{});
      const int task = FindLeasable(job_, now_, "honest", 0);
      if (task >= 0) {
        TakeLease(task, "honest");
        const int64_t token = job_.tasks[task].fencing_token;
        ASSERT_TRUE(store_.Write(task, token));
        Deliver(Finish{task, "honest", token, {}, "made"});
      } else {
        const absl::Time next =
            std::min(NextLeasable(job_), NextDeadline(job_));
        if (next != absl::InfiniteFuture()) now_ = std::max(now_, next);
      }
    }
    EXPECT_EQ(Name(job_.state), std::string("SUCCEEDED"));
    EXPECT_EQ(committed_.size(), job_.tasks.size());
  }

  inline static const absl::Time kStart = absl::FromUnixSeconds(1'000'000);
  inline static const Transitions kJobs = LegalTransitions("JobState");
  inline static const Transitions kTasks = LegalTransitions("TaskState");

  std::mt19937_64 random_;
  const Policy policy_;
  Job job_;
  JobModel model_;
  Job stored_;  // what a crash leaves
  std::optional<Backup> backup_;
  FencedStore store_;
  std::vector<Hand> hands_;
  std::vector<Event> flying_;
  std::map<int, int64_t> largest_given_;
  std::map<int, int64_t> committed_;  // task to token
  absl::Time now_ = kStart;
  int events_ = 0;
  Transitions job_transitions_;
  Transitions task_transitions_;
};

TEST(RandomModelTest, AMillionEventsLeaveTheJobWhereTheModelSays) {
  if (const char* seed_text = std::getenv("NEVUS_SEED")) {
    uint64_t seed = 0;
    ASSERT_TRUE(absl::SimpleAtoi(seed_text, &seed)) << seed_text;
    History(seed).Play();
    return;
  }
  int events = 0;
  Transitions jobs;
  Transitions tasks;
  for (uint64_t seed = 1; events < kEvents; ++seed) {
    SCOPED_TRACE(absl::StrCat("NEVUS_SEED=", seed, " plays this one again"));
    History history(seed);
    history.Play();
    events += history.events();
    ASSERT_FALSE(HasFailure());
    jobs.insert(history.job_transitions().begin(),
                history.job_transitions().end());
    tasks.insert(history.task_transitions().begin(),
                 history.task_transitions().end());
  }
  // None was left out.
  EXPECT_EQ(jobs, LegalTransitions("JobState"));
  EXPECT_EQ(tasks, LegalTransitions("TaskState"));
}

}  // namespace
}  // namespace nevus::scheduler
