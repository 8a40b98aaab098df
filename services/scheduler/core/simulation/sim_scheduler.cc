#include "services/scheduler/core/simulation/sim_scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/waiting_reason.h"

namespace nevus::scheduler {
namespace {

constexpr int kKind = 1;
constexpr int kLimit = 3;
constexpr absl::Duration kForgotten = absl::Seconds(45);

// What happened, in words; the shell has protos for it.
void AddEvents(const Job& before, const Job& after,
               std::vector<std::string>* events) {
  for (size_t i = 0; i < after.tasks.size(); ++i) {
    const Task& from = before.tasks[i];
    const Task& to = after.tasks[i];
    if (from.state != to.state) {
      events->push_back(absl::StrCat("task ", i, " is ", Name(to.state),
                                     ", token ", to.fencing_token, ", last ",
                                     to.last_error.reason));
    } else if (from.progress.done != to.progress.done) {
      events->push_back(absl::StrCat("task ", i, " did ", to.progress.done));
    }
  }
  if (before.state != after.state) {
    events->push_back(absl::StrCat("job is ", Name(after.state), ", last ",
                                   after.error.reason));
  }
}

}  // namespace

SimScheduler::SimScheduler(World& world, bool syncs)
    : world_(world), syncs_(syncs) {
  Start();
  TickEverySecond();
}

void SimScheduler::Start() {
  memory_ = std::make_unique<Memory>();
  memory_->queue.SetLimit(kKind, kLimit);
  for (const auto& [id, record] : disk_.rows()) {
    memory_->by_number[record.number] = id;
    Install(id, Step(record.job, Restart{}, world_.now(), policy_)->next);
  }
  // A crash may have come between a job's end and those that wait for it.
  const std::map<std::string, Record> records = disk_.rows();
  for (const auto& [id, record] : records) {
    if (!HasEnded(record.job.state)) continue;
    if (!TellDependents(id, record.job.state)) return;
  }
}

void SimScheduler::Crash() {
  if (memory_ == nullptr) return;
  memory_ = nullptr;
  disk_.Crash();
  world_.After(world_.Between(absl::Milliseconds(100), absl::Seconds(20)),
               [this] { Start(); });
}

void SimScheduler::TickEverySecond() {
  world_.After(absl::Seconds(1), [this] { TickEverySecond(); });
  if (memory_ == nullptr) return;
  for (JobQueue::Number number : memory_->queue.Due(world_.now())) {
    if (!Apply(memory_->by_number.at(number), Tick{}).has_value()) return;
  }
  CheckReasons();
}

bool SimScheduler::Store(const std::string& id, const Record& record) {
  disk_.Write(id, record);
  if (world_.Fault(400)) {
    Crash();
    return false;
  }
  if (syncs_ || world_.Draw(4) == 0) disk_.Sync();
  if (world_.Fault(400)) {
    Crash();
    return false;
  }
  return true;
}

void SimScheduler::Install(const std::string& id, const Job& job) {
  const Record& record = disk_.rows().at(id);
  memory_->jobs[id] = job;
  memory_->queue.Update(record.number, kKind,
                        Rank(record.submitted, record.priority), job);
}

std::optional<absl::Status> SimScheduler::Apply(const std::string& id,
                                                const Event& event) {
  const Job before = memory_->jobs.at(id);
  const auto step = Step(before, event, world_.now(), policy_);
  if (!step.ok()) return step.status();
  if (step->store) {
    Record record = disk_.rows().at(id);
    record.job = step->next;
    AddEvents(before, step->next, &record.events);
    if (!Store(id, record)) return std::nullopt;
  }
  Install(id, step->next);
  if (!HasEnded(before.state) && HasEnded(step->next.state) &&
      !TellDependents(id, step->next.state)) {
    return std::nullopt;
  }
  return absl::OkStatus();
}

bool SimScheduler::TellDependents(const std::string& id, JobState state) {
  std::vector<std::string> dependents;
  for (const auto& [other, job] : memory_->jobs) {
    if (std::count(job.waits_for.begin(), job.waits_for.end(), id) != 0) {
      dependents.push_back(other);
    }
  }
  for (const std::string& other : dependents) {
    if (!Apply(other, DependencyEnded{id, state}).has_value()) return false;
  }
  return true;
}

void SimScheduler::Submit(const Record& request,
                          const std::function<void(std::string id)>& answer) {
  if (memory_ == nullptr) return;
  for (const auto& [id, record] : disk_.rows()) {
    if (record.request_id == request.request_id) return answer(id);
  }
  Record record = request;
  record.number = static_cast<int64_t>(disk_.rows().size());
  record.submitted = world_.now();
  for (const std::string& dependency : record.depends_on) {
    if (memory_->jobs.count(dependency) == 0) {
      return world_.Violation(absl::StrCat("job ", dependency, " is gone"));
    }
    if (memory_->jobs.at(dependency).state != JobState::kSucceeded) {
      record.job.waits_for.push_back(dependency);
    }
  }
  record.events = {"job is PENDING"};
  const std::string id = absl::StrCat("j-", request.request_id);
  if (!Store(id, record)) return;
  memory_->by_number[record.number] = id;
  Install(id, record.job);
  for (const std::string& dependency : record.depends_on) {
    const JobState state = memory_->jobs.at(dependency).state;
    if (HasEnded(state) && !TellDependents(dependency, state)) return;
  }
  answer(id);
}

void SimScheduler::LeaseTask(
    const std::string& worker,
    const std::function<void(std::optional<Grant>)>& answer) {
  if (memory_ == nullptr) return;
  memory_->heard[worker] = world_.now();
  std::string id;
  int task = -1;
  memory_->queue.VisitLeasable(
      kKind, world_.now(), [&](JobQueue::Number number) {
        id = memory_->by_number.at(number);
        task = FindLeasable(memory_->jobs.at(id), world_.now(), worker,
                            WorkersConnected() - 1);
        return task < 0;
      });
  if (task < 0) return answer(std::nullopt);
  const auto status = Apply(id, Lease{task, worker});
  if (!status.has_value()) return;
  if (!status->ok()) {
    world_.Violation(absl::StrCat("what FindLeasable found was refused: ",
                                  status->message()));
  }
  answer(Grant{id, task, memory_->jobs.at(id).tasks[task].fencing_token});
}

void SimScheduler::Report(const std::string& job, const Event& event,
                          const std::function<void(absl::Status)>& answer) {
  if (memory_ == nullptr) return;
  if (memory_->jobs.count(job) == 0) {
    return answer(absl::NotFoundError(absl::StrCat("no job ", job)));
  }
  Event told = event;
  if (auto* finish = std::get_if<Finish>(&told)) {
    memory_->heard[finish->worker] = world_.now();
    finish->workers = WorkersConnected();
  } else if (auto* beat = std::get_if<Heartbeat>(&told)) {
    memory_->heard[beat->worker] = world_.now();
  }
  const auto status = Apply(job, told);
  if (status.has_value()) answer(*status);
}

void SimScheduler::WorkerHasDied(const std::string& worker) {
  if (memory_ == nullptr) return;
  memory_->heard.erase(worker);
  std::vector<std::string> ids;
  for (const auto& [id, job] : memory_->jobs) ids.push_back(id);
  for (const std::string& id : ids) {
    if (!Apply(id, WorkerDied{worker, "killed by signal 9"}).has_value()) {
      return;
    }
  }
}

void SimScheduler::Watch(
    const std::string& job, int64_t after,
    const std::function<void(std::vector<std::string>)>& answer) {
  if (memory_ == nullptr || memory_->jobs.count(job) == 0) return;
  const std::vector<std::string>& events = disk_.rows().at(job).events;
  if (after > static_cast<int64_t>(events.size())) {
    return world_.Violation(absl::StrCat("job ", job, " has ", events.size(),
                                         " events, but ", after, " were seen"));
  }
  answer({events.begin() + after, events.end()});
}

bool SimScheduler::IsIdle() const {
  return memory_ != nullptr && memory_->queue.size() == 0;
}

int SimScheduler::WorkersConnected() const {
  int count = 0;
  for (const auto& [worker, heard] : memory_->heard) {
    if (world_.now() - heard < kForgotten) ++count;
  }
  return count;
}

void SimScheduler::CheckReasons() {
  for (const auto& [id, job] : memory_->jobs) {
    const int64_t number = disk_.rows().at(id).number;
    const bool waits =
        !HasEnded(job.state) &&
        std::none_of(job.tasks.begin(), job.tasks.end(), [](const Task& task) {
          return task.state == TaskState::kLeased;
        });
    const WaitingReason reason = WhyWaiting(
        job, world_.now(),
        {"extraction", WorkersConnected(), memory_->queue.Ahead(number),
         memory_->queue.Running(kKind), memory_->queue.Limit(kKind)});
    if (waits && (reason.code.empty() || reason.message.empty())) {
      world_.Violation(absl::StrCat("job ", id, " is ", Name(job.state),
                                    " and waits without a reason"));
    }
  }
  if (memory_->queue.Running(kKind) > kLimit) {
    world_.Violation(absl::StrCat(memory_->queue.Running(kKind),
                                  " jobs run, the limit is ", kLimit));
  }
}

}  // namespace nevus::scheduler
