#include "services/scheduler/core/simulation/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace nevus::scheduler {

Simulation::Simulation(uint64_t seed, Breakage breakage)
    : world_(seed),
      store_(world_, breakage != Breakage::kNoFence),
      scheduler_(world_, breakage != Breakage::kNoSync) {
  for (int i = 0; i < kWorkers; ++i) {
    workers_.push_back(std::make_unique<SimWorker>(world_, scheduler_, store_,
                                                   absl::StrCat("worker-", i)));
  }
}

std::vector<std::string> Simulation::Play() {
  for (int number = 0; number < kJobs; ++number) {
    world_.After(world_.Between(absl::ZeroDuration(), absl::Minutes(1)),
                 [this, number] { Submit(number); });
  }
  Interfere();
  GoWrong();
  const absl::Time calm = world_.now() + absl::Minutes(3);
  world_.PlayUntil(calm);
  world_.StopFaults();
  store_.set_full(false);
  // Long enough for the longest back-off after the longest fault.
  for (int minute = 1; minute <= 60; ++minute) {
    world_.PlayUntil(calm + absl::Minutes(minute));
    if (submitted_.size() == kJobs && scheduler_.IsIdle()) break;
  }
  world_.PlayUntil(world_.now() + absl::Minutes(1));  // the last events travel
  CheckEnd();
  return world_.violations();
}

std::set<std::string> Simulation::Happened() const {
  std::set<std::string> happened;
  for (const auto& [id, record] : scheduler_.records()) {
    for (const std::string& event : record.events) {
      for (const absl::string_view word :
           absl::StrSplit(event, absl::ByAnyChar(" ,"))) {
        happened.emplace(word);
      }
    }
  }
  return happened;
}

// --- Clients -----------------------------------------------------------------

Record Simulation::NewRequest(int number) {
  Record request;
  request.request_id = absl::StrCat(number);
  request.priority = world_.Draw(3) - 1;
  request.job = NewJob(1 + world_.Draw(3), world_.now());
  if (world_.Draw(3) == 0) request.job.tasks.back().stage = 1;
  if (world_.Draw(6) == 0) request.job.time_limit = absl::Minutes(2);
  if (world_.Draw(6) == 0) request.job.attempt_time_limit = absl::Seconds(15);
  request.job.jitter_seed = static_cast<uint64_t>(number);
  for (const auto& [other, id] : submitted_) {
    if (world_.Draw(4) == 0) request.depends_on.push_back(id);
  }
  return request;
}

void Simulation::Submit(int number) {
  if (submitted_.count(number) != 0) return;
  world_.Send([this, number, request = NewRequest(number)] {
    scheduler_.Submit(request, [this, number](const std::string& id) {
      world_.Send([this, number, id] { WasSubmitted(number, id); });
    });
  });
  world_.After(absl::Seconds(2), [this, number] { Submit(number); });
}

void Simulation::WasSubmitted(int number, const std::string& id) {
  const auto [known, is_new] = submitted_.emplace(number, id);
  if (is_new) Watch(id);
  if (known->second != id) {
    world_.Violation(
        absl::StrCat("request ", number, " made ", known->second, " and ", id));
  }
}

void Simulation::Watch(const std::string& id) {
  const int64_t after = static_cast<int64_t>(seen_[id].size());
  world_.Send([this, id, after] {
    scheduler_.Watch(id, after,
                     [this, id, after](const std::vector<std::string>& news) {
                       world_.Send([this, id, after, news] {
                         std::vector<std::string>& seen = seen_[id];
                         // The answer to a question that was answered before.
                         if (static_cast<int64_t>(seen.size()) != after) return;
                         seen.insert(seen.end(), news.begin(), news.end());
                       });
                     });
  });
  world_.After(absl::Seconds(2), [this, id] { Watch(id); });
}

void Simulation::Interfere() {
  world_.After(world_.Between(absl::Seconds(5), absl::Seconds(60)),
               [this] { Interfere(); });
  if (submitted_.empty() || !world_.Fault(2)) return;
  const auto job = std::next(submitted_.begin(),
                             world_.Draw(static_cast<int>(submitted_.size())));
  const bool cancels = world_.Draw(4) == 0;
  world_.Send([this, id = job->second, cancels] {
    scheduler_.Report(id, cancels ? Event(Cancel{}) : Event(Retry{}),
                      [](const absl::Status&) {});
  });
}

// --- What goes wrong ---------------------------------------------------------

void Simulation::GoWrong() {
  world_.After(world_.Between(absl::Seconds(1), absl::Seconds(8)),
               [this] { GoWrong(); });
  CheckStore();
  store_.set_full(world_.Fault(8));  // until the next time
  if (world_.Fault(12)) scheduler_.Crash();
  if (world_.Fault(12)) store_.Crash();
  SimWorker& unlucky = *workers_[world_.Draw(kWorkers)];
  if (world_.Fault(6)) unlucky.Die();
  // Often past the lease.
  if (world_.Fault(3)) {
    unlucky.Stop(world_.Between(absl::Seconds(2), absl::Seconds(40)));
  }
}

// --- What must hold ----------------------------------------------------------

// What the scheduler says is DONE is in the store, from that very lease.
void Simulation::CheckStore() {
  for (const auto& [id, record] : scheduler_.records()) {
    for (size_t i = 0; i < record.job.tasks.size(); ++i) {
      const Task& task = record.job.tasks[i];
      const int64_t token = store_.TokenOf(id, static_cast<int>(i));
      if (task.state == TaskState::kDone && token != task.fencing_token) {
        world_.Violation(absl::StrCat(
            "task ", i, " of ", id, " is DONE with token ", task.fencing_token,
            ", but its result is of token ", token));
      }
    }
  }
}

void Simulation::CheckEnd() {
  CheckStore();
  if (submitted_.size() != kJobs) {
    world_.Violation(absl::StrCat("only ", submitted_.size(), " of ", kJobs,
                                  " submits were acknowledged"));
  }
  for (const auto& [number, id] : submitted_) {
    const auto found = scheduler_.records().find(id);
    if (found == scheduler_.records().end()) {
      world_.Violation(absl::StrCat("job ", id, " was acknowledged and lost"));
      continue;
    }
    const Record& record = found->second;
    if (!HasEnded(record.job.state)) {
      world_.Violation(absl::StrCat("job ", id, " is ", Name(record.job.state),
                                    " and does not end"));
    }
    if (seen_[id] != record.events) {
      world_.Violation(absl::StrCat("of job ", id, " ", record.events.size(),
                                    " events are stored, and other ones (",
                                    seen_[id].size(), ") were seen"));
    }
    std::set<std::string> done;
    for (const std::string& event : record.events) {
      const std::string task = event.substr(0, event.find(','));
      if (absl::EndsWith(task, "is DONE") && !done.insert(task).second) {
        world_.Violation(absl::StrCat("job ", id, ": ", task, ", twice"));
      }
    }
  }
}

}  // namespace nevus::scheduler
