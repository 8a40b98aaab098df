// job.proto's tables are neither too long nor too short: what they list is what
// Step does, found by trying every event on every job that can be reached.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "services/scheduler/core/job_machine.h"
#include "services/scheduler/core/legal_transitions.h"

namespace nevus::scheduler {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(0);
// Longer than any back-off, pause, lease or limit here.
constexpr absl::Duration kStep = absl::Hours(1);

// What tells apart jobs that can answer differently; not the time, since each
// step lets everything pass.
std::string Key(const Job& job) {
  std::string key =
      absl::StrCat(Name(job.state), "/", absl::StrJoin(job.waits_for, ","));
  for (const Task& task : job.tasks) {
    absl::StrAppend(&key, "/", Name(task.state), task.attempts, ",",
                    task.last_error.reason, task.failed_workers.size());
  }
  return key;
}

std::vector<Event> EventsFor(const Job& job) {
  std::vector<Event> events = {Cancel{},
                               Retry{},
                               Retry{{"j-1"}},
                               Tick{},
                               Restart{},
                               Restore{},
                               WorkerDied{"w", "shot"},
                               DependencyEnded{"j-1", JobState::kSucceeded},
                               DependencyEnded{"j-1", JobState::kFailed},
                               DependencyEnded{"j-1", JobState::kCancelled}};
  for (int i = 0; i < static_cast<int>(job.tasks.size()); ++i) {
    const int64_t token = job.tasks[i].fencing_token;
    events.push_back(Lease{i, "w"});
    events.push_back(Heartbeat{i, "w", token, {}});
    events.push_back(Finish{i, "w", token, {}, "r"});
    for (const Failure& failure :
         {Failure{absl::StatusCode::kInternal, "", "x"},
          Failure{absl::StatusCode::kInvalidArgument, "BAD", "x"},
          Failure{absl::StatusCode::kResourceExhausted, "DISK_FULL", "x"}}) {
      events.push_back(Finish{i, "w", token, failure, ""});
    }
  }
  return events;
}

void AddChanges(const Job& before, const Job& after, Transitions* jobs,
                Transitions* tasks) {
  if (before.state != after.state) {
    jobs->emplace(Name(before.state), Name(after.state));
  }
  for (size_t i = 0; i < before.tasks.size(); ++i) {
    if (before.tasks[i].state != after.tasks[i].state) {
      tasks->emplace(Name(before.tasks[i].state), Name(after.tasks[i].state));
    }
  }
}

TEST(ContractTableTest, JobProtoListsExactlyWhatTheMachineDoes) {
  Policy policy;
  policy.max_attempts = 2;
  Job limited = NewJob(1, kStart);
  limited.time_limit = kStep / 2;
  std::vector<std::pair<Job, absl::Time>> open = {
      {NewJob(0, kStart, {"j-1"}), kStart},
      {NewJob(1, kStart, {"j-1"}), kStart},
      {NewJob(2, kStart), kStart},
      {limited, kStart}};
  std::map<std::string, int> seen;
  Transitions jobs;
  Transitions tasks;
  while (!open.empty()) {
    const auto [job, time] = std::move(open.back());
    open.pop_back();
    for (const Event& event : EventsFor(job)) {
      const auto step = Step(job, event, time + kStep, policy);
      if (!step.ok()) continue;
      AddChanges(job, step->next, &jobs, &tasks);
      if (++seen[Key(step->next)] == 1) {
        open.emplace_back(step->next, time + kStep);
      }
    }
  }
  EXPECT_GT(seen.size(), 50u) << "too few jobs were reached to mean anything";
  EXPECT_EQ(jobs, LegalTransitions("JobState"));
  EXPECT_EQ(tasks, LegalTransitions("TaskState"));
}

}  // namespace
}  // namespace nevus::scheduler
