#include "services/scheduler/core/job_queue.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "services/scheduler/core/transcript.h"

namespace nevus::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(0);
using Number = JobQueue::Number;

// testdata/priorities.txt: jobs "a", "b" ... of one task and one kind.
//   submit NAME priority=P at=T      limit N
//   order|lease at=T                 end|fail NAME at=T
// After each: what could be leased, in order.
class QueuePlayer {
 public:
  std::string Play(const Command& command) {
    now_ = kStart + command.Duration("at", now_ - kStart);
    const std::string verb = command.Word(0);
    const std::string name = command.Word(1);
    if (verb == "submit") {
      names_.push_back(name);
      ranks_.push_back(
          Rank(now_, static_cast<int>(command.Number("priority", 0))));
      jobs_.push_back(NewJob(1, now_));
    } else if (verb == "limit") {
      int limit = 0;
      EXPECT_TRUE(absl::SimpleAtoi(name, &limit));
      queue_.SetLimit(0, limit);
    } else if (verb == "lease") {
      const std::vector<Number> order = Order();
      if (order.empty()) return "nothing\n";
      Job& job = jobs_[order[0]];
      job.state = JobState::kRunning;
      job.tasks[0].state = TaskState::kLeased;
      queue_.Update(order[0], 0, ranks_[order[0]], job);
      return absl::StrCat("leases ", names_[order[0]], "\n", Show());
    } else if (verb == "end" || verb == "fail") {
      const auto found = std::find(names_.begin(), names_.end(), name);
      Job& job = jobs_[found - names_.begin()];
      job.tasks[0].state =
          verb == "end" ? TaskState::kDone : TaskState::kWaiting;
      job.tasks[0].not_before = now_ + absl::Seconds(30);
      if (verb == "end") job.state = JobState::kSucceeded;
    } else if (verb != "order") {
      return absl::StrCat("unknown command ", verb, "\n");
    }
    for (size_t i = 0; i < jobs_.size(); ++i) {
      queue_.Update(static_cast<Number>(i), 0, ranks_[i], jobs_[i]);
    }
    return Show();
  }

 private:
  std::vector<Number> Order() {
    std::vector<Number> order;
    queue_.VisitLeasable(0, now_, [&order](Number number) {
      order.push_back(number);
      return true;
    });
    return order;
  }

  std::string Show() {
    return absl::StrCat("order: ",
                        absl::StrJoin(Order(), " ",
                                      [this](std::string* out, Number number) {
                                        *out +=
                                            names_[static_cast<size_t>(number)];
                                      }),
                        "\n");
  }

  JobQueue queue_;
  std::vector<std::string> names_;
  std::vector<absl::Time> ranks_;
  std::vector<Job> jobs_;
  absl::Time now_ = kStart;
};

TEST(JobQueueTest, PrioritiesAreServedAsTold) {
  QueuePlayer player;
  PlayTranscript("priorities", [&player](const Command& command) {
    return player.Play(command);
  });
}

TEST(JobQueueTest, APointOfPriorityIsAMinute) {
  EXPECT_EQ(Rank(kStart, 0), kStart);
  EXPECT_EQ(Rank(kStart, 1), kStart - absl::Minutes(1));
  EXPECT_EQ(Rank(kStart, -kMaxPriority), kStart + absl::Minutes(100));
}

TEST(JobQueueTest, WhatIsNotInItIsNowhere) {
  JobQueue queue;
  queue.Erase(7);
  queue.Update(7, 1, kStart, NewJob(0, kStart));  // has ended
  EXPECT_EQ(queue.size(), 0);
  EXPECT_EQ(queue.Ahead(7), 0);
  EXPECT_EQ(queue.Running(1), 0);
  EXPECT_EQ(queue.Limit(2), 0);
  EXPECT_EQ(queue.NextWake(2), absl::InfiniteFuture());
  EXPECT_TRUE(queue.Due(absl::InfiniteFuture()).empty());
  queue.VisitLeasable(2, kStart, [](Number) {
    ADD_FAILURE() << "there is nothing to visit";
    return false;
  });
}

TEST(JobQueueTest, AVisitEndsWhenItIsToldTo) {
  JobQueue queue;
  for (Number number : {0, 1, 2}) {
    queue.Update(number, 1, kStart, NewJob(1, kStart));
  }
  std::vector<Number> visited;
  queue.VisitLeasable(1, kStart, [&visited](Number number) {
    visited.push_back(number);
    return number < 1;
  });
  EXPECT_EQ(visited, (std::vector<Number>{0, 1}));
}

// A job in any state that the machine could bring it to, or near it.
Job RandomJob(std::mt19937_64& random, absl::Time now) {
  const auto soon = [&random, now] {
    return now + absl::Seconds(static_cast<int>(random() % 60) - 30);
  };
  Job job = NewJob(1 + random() % 3, now);
  job.state = static_cast<JobState>(random() % 6);
  if (random() % 8 == 0) job.waits_for = {"j-1"};
  if (job.state != JobState::kPending) job.start_time = soon();
  if (random() % 2 == 0) job.time_limit = absl::Seconds(random() % 60);
  for (Task& task : job.tasks) {
    task.state = static_cast<TaskState>(random() % 3);
    task.stage = static_cast<int>(random() % 2);
    if (random() % 2 == 0) task.not_before = soon();
    if (random() % 4 == 0) task.last_error.reason = "DISK_FULL";
    task.attempt_start = soon();
    task.lease_expiry = soon();
  }
  return job;
}

// The same, from a list that is sorted anew for each question.
class NaiveQueue {
 public:
  struct Entry {
    int kind;
    absl::Time rank;
    Job job;
  };
  std::map<Number, Entry> entries;
  std::map<int, int> limits;

  static bool HasBegun(const Job& job) {
    return job.state == JobState::kRunning || job.state == JobState::kPaused;
  }
  int64_t Running(int kind) const {
    int64_t count = 0;
    for (const auto& [number, entry] : entries) {
      if (entry.kind == kind && HasBegun(entry.job)) ++count;
    }
    return count;
  }
  // In order of service.
  std::vector<Number> Unfinished(int kind) const {
    std::vector<Number> order;
    for (const auto& [number, entry] : entries) {
      if (entry.kind == kind && !HasEnded(entry.job.state)) {
        order.push_back(number);
      }
    }
    std::stable_sort(order.begin(), order.end(), [this](Number a, Number b) {
      return entries.at(a).rank < entries.at(b).rank;
    });
    return order;
  }
  std::vector<Number> Leasable(int kind, absl::Time now) const {
    const bool full = limits.at(kind) > 0 && Running(kind) >= limits.at(kind);
    std::vector<Number> order;
    for (Number number : Unfinished(kind)) {
      const Job& job = entries.at(number).job;
      if (full && !HasBegun(job)) continue;
      if (FindLeasable(job, now, "w", 0) >= 0) order.push_back(number);
    }
    return order;
  }
  std::vector<Number> Due(absl::Time now) const {
    std::vector<Number> due;
    for (const auto& [number, entry] : entries) {
      if (NextDeadline(entry.job) <= now) due.push_back(number);
    }
    return due;
  }
  absl::Time NextWake(int kind, absl::Time now) const {
    absl::Time next = absl::InfiniteFuture();
    for (const auto& [number, entry] : entries) {
      const absl::Time wake = NextLeasable(entry.job);
      if (entry.kind == kind && wake > now) next = std::min(next, wake);
    }
    return next;
  }
};

TEST(JobQueueTest, AgreesWithAListThatIsSortedForEachQuestion) {
  std::mt19937_64 random(20251125);
  for (int history = 0; history < 40; ++history) {
    SCOPED_TRACE(history);
    JobQueue queue;
    NaiveQueue naive;
    for (int kind : {0, 1}) {
      naive.limits[kind] = static_cast<int>(random() % 4);
      queue.SetLimit(kind, naive.limits[kind]);
    }
    absl::Time now = kStart;
    for (int step = 0; step < 150; ++step) {
      // Mostly forwards, sometimes back.
      now += absl::Seconds(static_cast<int>(random() % 12) - 3);
      const Number number = static_cast<Number>(random() % 25);
      if (random() % 10 == 0) {
        queue.Erase(number);
        naive.entries.erase(number);
      } else {
        // Few different ranks: many ties.
        const auto entry =
            naive.entries
                .try_emplace(
                    number,
                    NaiveQueue::Entry{static_cast<int>(random() % 2),
                                      Rank(kStart, random() % 4), Job()})
                .first;
        entry->second.job = RandomJob(random, now);
        queue.Update(number, entry->second.kind, entry->second.rank,
                     entry->second.job);
      }
      int64_t unfinished = 0;
      for (int kind : {0, 1}) {
        std::vector<Number> visited;
        queue.VisitLeasable(kind, now, [&visited](Number next) {
          visited.push_back(next);
          return true;
        });
        ASSERT_EQ(visited, naive.Leasable(kind, now));
        ASSERT_EQ(queue.NextWake(kind), naive.NextWake(kind, now));
        ASSERT_EQ(queue.Running(kind), naive.Running(kind));
        const std::vector<Number> order = naive.Unfinished(kind);
        for (size_t i = 0; i < order.size(); ++i) {
          ASSERT_EQ(queue.Ahead(order[i]), static_cast<int64_t>(i));
        }
        unfinished += static_cast<int64_t>(order.size());
      }
      ASSERT_EQ(queue.size(), unfinished);
      std::vector<Number> due = queue.Due(now);
      ASSERT_TRUE(
          std::is_sorted(due.begin(), due.end(), [&naive](Number a, Number b) {
            return NextDeadline(naive.entries.at(a).job) <
                   NextDeadline(naive.entries.at(b).job);
          }));
      std::sort(due.begin(), due.end());
      ASSERT_EQ(due, naive.Due(now));
    }
  }
}

}  // namespace
}  // namespace nevus::scheduler
