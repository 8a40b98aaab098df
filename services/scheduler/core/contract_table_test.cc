// job.proto's tables are neither too long nor too short: what they list is what
// Step does, found by trying every event on every job that can be reached.
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

// How a task stands that failed with `failure` on each of two workers, all that
// there are.
std::string AfterFailingEverywhere(const Failure& failure) {
  const Policy policy;
  Job job = NewJob(1, kStart);
  absl::Time now = kStart;
  for (const char* worker : {"w1", "w2"}) {
    now += kStep;
    auto leased = Step(job, Lease{0, worker}, now, policy);
    if (!leased.ok()) break;  // it broke at the first
    const int64_t token = leased->next.tasks[0].fencing_token;
    job = Step(leased->next, Finish{0, worker, token, failure, "", 2}, now,
               policy)
              .value()
              .next;
  }
  return absl::StrCat(Name(job.tasks[0].state), " after ",
                      job.tasks[0].attempts);
}

TEST(ContractTableTest, JobProtoSaysWhichCodesAreTriedAgain) {
  const std::map<std::string, std::string> kMeanings = {
      {"no", "BROKEN after 1"},
      {"while attempts are left: they", "WAITING after 2"},
      {"always; the attempt is free", "WAITING after 0"},
      {"while attempts are left, and", "BROKEN after 2"}};
  std::map<std::string, std::string> told;
  std::string meaning;
  std::ifstream file("protos/nevus/v1/job.proto");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() != 4 || cells[0] != "// ") continue;
    const auto found =
        kMeanings.find(std::string(absl::StripAsciiWhitespace(cells[2])));
    if (found != kMeanings.end()) meaning = found->second;
    for (const absl::string_view code :
         absl::StrSplit(cells[1], absl::ByAnyChar(", "), absl::SkipEmpty())) {
      told.emplace(code, meaning);
    }
  }
  EXPECT_EQ(told.size(), 8u + 4u + 4u + 1u + 2u)
      << "for ever; circumstances; RESOURCE_EXHAUSTED with reason DISK_FULL; "
         "others; the heading and its line";
  for (int i = 1; i <= 16; ++i) {
    const auto code = static_cast<absl::StatusCode>(i);
    const std::string name = absl::StatusCodeToString(code);
    const auto row = told.find(name);
    EXPECT_EQ(AfterFailingEverywhere(
                  {code, name == "RESOURCE_EXHAUSTED" ? "DISK_FULL" : "", "x"}),
              (row == told.end() ? told.at("others") : row->second))
        << name;
  }
  EXPECT_EQ(AfterFailingEverywhere({absl::StatusCode::kResourceExhausted, "",
                                    "another reason than DISK_FULL"}),
            told.at("others"));
}

}  // namespace
}  // namespace nevus::scheduler
