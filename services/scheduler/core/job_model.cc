#include "services/scheduler/core/job_model.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace nevus::scheduler {

JobModel::JobModel(const Job& job, const Policy& policy)
    : policy_(policy),
      time_limit_(job.time_limit),
      attempt_time_limit_(job.attempt_time_limit),
      waits_(job.waits_for.begin(), job.waits_for.end()) {
  for (const Task& task : job.tasks) stages_.push_back(task.stage);
}

// --- Questions ---------------------------------------------------------------

const JobModel::Fact* JobModel::Newest(int task) const {
  bool retried = false;
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->what == What::kRetried) retried = true;
    if (fact->task != task || fact->what == What::kBeat ||
        fact->what == What::kLeapt) {
      continue;
    }
    // A retry undoes all but what is done.
    return !retried || fact->what == What::kDone ? &*fact : nullptr;
  }
  return nullptr;
}

const JobModel::Fact* JobModel::NewestLease(int task) const {
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->task == task && fact->what == What::kLeased) return &*fact;
  }
  return nullptr;
}

bool JobModel::IsDone(int task) const {
  const Fact* newest = Newest(task);
  return newest != nullptr && newest->what == What::kDone;
}

bool JobModel::IsLeased(int task) const { return TaskStands(task) == "LEASED"; }

std::string JobModel::EndedAs() const {
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->what == What::kRetried) break;  // nothing before it counts
    if (fact->what == What::kCancelled) return "CANCELLED";
    if (fact->what == What::kBroke || fact->what == What::kTimeUp ||
        fact->what == What::kDependencyFailed) {
      return "FAILED";
    }
  }
  if (!waits_.empty()) return "";
  for (int task = 0; task < static_cast<int>(stages_.size()); ++task) {
    if (!IsDone(task)) return "";
  }
  return "SUCCEEDED";
}

bool JobModel::IsPaused() const {
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->what == What::kDiskFull) return true;
    if (fact->what == What::kLeased || fact->what == What::kDone ||
        fact->what == What::kRetried) {
      return false;
    }
  }
  return false;
}

std::string JobModel::JobStands() const {
  if (const std::string ended = EndedAs(); !ended.empty()) return ended;
  if (IsPaused()) return "PAUSED";
  return Begun() == absl::InfiniteFuture() ? "PENDING" : "RUNNING";
}

std::string JobModel::TaskStands(int task) const {
  const Fact* newest = Newest(task);
  if (newest != nullptr && newest->what == What::kDone) return "DONE";
  if (newest != nullptr && newest->what == What::kBroke) return "BROKEN";
  if (HasEnded()) return "DROPPED";
  return newest != nullptr && newest->what == What::kLeased ? "LEASED"
                                                            : "WAITING";
}

int64_t JobModel::Token(int task) const {
  int64_t token = 0;
  for (const Fact& fact : log_) {
    if (fact.task != task) continue;
    if (fact.what == What::kLeased) token += 1;
    if (fact.what == What::kLeapt) {
      token =
          std::max<int64_t>(token + 1'000'000, (fact.at - absl::UnixEpoch()) /
                                                   absl::Microseconds(1));
    }
  }
  return token;
}

int JobModel::Attempts(int task) const {
  int attempts = 0;
  for (const Fact& fact : log_) {
    if (fact.what == What::kRetried) attempts = 0;
    if (fact.task != task) continue;
    if (fact.what == What::kLeased) ++attempts;
    if (fact.what == What::kDiskFull || fact.what == What::kTakenBack) {
      --attempts;
    }
    if (fact.what == What::kDone) break;  // no retry touches it
  }
  return attempts;
}

std::set<std::string> JobModel::FailedAlike(int task) const {
  std::set<std::string> workers;
  const Failure* last = nullptr;
  const bool done = IsDone(task);
  bool before_done = !done;
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->task == task && fact->what == What::kDone) before_done = true;
    if (!before_done) continue;
    if (fact->what == What::kRetried) break;
    if (fact->task != task) continue;
    if (fact->what == What::kDiskFull) break;
    if (fact->what != What::kFailed && fact->what != What::kBroke) continue;
    if (last != nullptr && (last->code != fact->failure.code ||
                            last->reason != fact->failure.reason)) {
      break;
    }
    last = &fact->failure;
    workers.insert(fact->worker);
  }
  return workers;
}

absl::Time JobModel::LeaseEnds(int task) const {
  for (auto fact = log_.rbegin(); fact != log_.rend(); ++fact) {
    if (fact->task == task &&
        (fact->what == What::kLeased || fact->what == What::kBeat)) {
      return fact->at + policy_.lease;
    }
  }
  return absl::InfinitePast();
}

absl::Time JobModel::Begun() const {
  absl::Time begun = absl::InfiniteFuture();
  for (const Fact& fact : log_) {
    if (fact.what == What::kRetried) begun = absl::InfiniteFuture();
    if (fact.what == What::kLeased && begun == absl::InfiniteFuture()) {
      begun = fact.at;
    }
  }
  return begun;
}

bool JobModel::Holds(int task, const std::string& worker, int64_t token) const {
  return IsLeased(task) && NewestLease(task)->worker == worker &&
         Token(task) == token;
}

bool JobModel::MustWaitForStage(int task) const {
  for (int other = 0; other < static_cast<int>(stages_.size()); ++other) {
    if (stages_[other] < stages_[task] && !IsDone(other)) return true;
  }
  return false;
}

std::pair<absl::Time, absl::Time> JobModel::MayBeLeased(int task) const {
  absl::Time first = absl::InfinitePast();
  absl::Time last = absl::InfinitePast();
  const Fact* newest = Newest(task);
  if (newest != nullptr && newest->what == What::kDiskFull) {
    first = last = newest->at + policy_.pause;
  }
  if (newest != nullptr && newest->waits_before_next) {
    const double doubled = 1 << std::min(20, Attempts(task) - 1);
    const absl::Duration wait =
        std::min(policy_.max_backoff, policy_.first_backoff * doubled);
    first = newest->at + wait;
    last = first + wait / 5;
  }
  for (int other = 0; IsPaused() && other < static_cast<int>(stages_.size());
       ++other) {
    const Fact* full = Newest(other);
    if (full == nullptr || full->what != What::kDiskFull) continue;
    first = std::max(first, full->at + policy_.pause);
    last = std::max(last, full->at + policy_.pause);
  }
  return {first, last};
}

bool JobModel::IsRepeated(const Finish& finish) const {
  const Fact* newest = Newest(finish.task);
  if (newest == nullptr || newest->worker != finish.worker ||
      newest->token != finish.fencing_token ||
      Token(finish.task) != finish.fencing_token) {
    return false;
  }
  if (finish.failure.code == absl::StatusCode::kOk) {
    return newest->what == What::kDone;
  }
  return TaskStands(finish.task) != "DROPPED" &&
         (newest->what == What::kFailed || newest->what == What::kBroke ||
          newest->what == What::kDiskFull) &&
         newest->failure.code == finish.failure.code &&
         newest->failure.reason == finish.failure.reason &&
         newest->failure.message == finish.failure.message;
}

// --- Events ------------------------------------------------------------------

void JobModel::Note(What what, int task, absl::Time now) {
  Fact fact{what, task, now, "", 0, {}, false};
  if (task >= 0 && NewestLease(task) != nullptr) {
    fact.worker = NewestLease(task)->worker;
    fact.token = Token(task);
  }
  log_.push_back(std::move(fact));
}

void JobModel::NoteFailure(int task, const Failure& failure, bool waits,
                           int workers, absl::Time now) {
  const bool disk = failure.reason == "DISK_FULL";
  Note(disk ? What::kDiskFull : What::kFailed, task, now);
  log_.back().failure = failure;
  if (disk) return;
  log_.back().waits_before_next = waits;
  const bool hopeless = failure.code == absl::StatusCode::kInvalidArgument ||
                        failure.code == absl::StatusCode::kDataLoss;
  const bool outage = failure.code == absl::StatusCode::kUnavailable ||
                      failure.code == absl::StatusCode::kAborted;
  const bool everywhere = !outage && workers > 1 &&
                          static_cast<int>(FailedAlike(task).size()) >= workers;
  if (hopeless || everywhere || Attempts(task) >= policy_.max_attempts) {
    log_.back().what = What::kBroke;
  }
}

std::string JobModel::HearLease(const Lease& lease, absl::Time now,
                                bool accepted) {
  if (TaskStands(lease.task) != "WAITING") return "TASK_NOT_WAITING";
  if (!waits_.empty()) return "JOB_WAITS";
  if (MustWaitForStage(lease.task)) return "STAGE_WAITS";
  const auto [first, last] = MayBeLeased(lease.task);
  if (now < first || (now < last && !accepted)) return "TASK_BACKING_OFF";
  Note(What::kLeased, lease.task, now);
  log_.back().worker = lease.worker;
  log_.back().token = Token(lease.task);
  return "";
}

std::string JobModel::HearFinish(const Finish& finish, absl::Time now) {
  if (IsRepeated(finish)) return "";
  if (!Holds(finish.task, finish.worker, finish.fencing_token)) {
    return "LEASE_LOST";
  }
  if (finish.failure.code == absl::StatusCode::kOk) {
    Note(What::kDone, finish.task, now);
  } else {
    NoteFailure(finish.task, finish.failure, true, finish.workers, now);
  }
  return "";
}

void JobModel::HearTick(absl::Time now) {
  if (HasEnded()) return;
  const absl::Time begun = Begun();
  if (begun != absl::InfiniteFuture() && begun + time_limit_ <= now) {
    Note(What::kTimeUp, -1, now);
  }
  for (int task = 0; task < static_cast<int>(stages_.size()); ++task) {
    if (!IsLeased(task)) continue;
    if (LeaseEnds(task) <= now) {
      NoteFailure(task, {absl::StatusCode::kUnavailable, "WORKER_SILENT", ""},
                  false, 0, now);
    } else if (NewestLease(task)->at + attempt_time_limit_ <= now) {
      NoteFailure(
          task, {absl::StatusCode::kDeadlineExceeded, "ATTEMPT_TIME_LIMIT", ""},
          true, 0, now);
    }
  }
}

void JobModel::HearDependency(const DependencyEnded& ended, absl::Time now) {
  if (HasEnded() || waits_.count(ended.job) == 0) return;
  if (ended.state == JobState::kSucceeded) {
    waits_.erase(ended.job);
  } else {
    Note(What::kDependencyFailed, -1, now);
  }
}

std::string JobModel::Hear(const Event& event, absl::Time now, bool accepted) {
  const int count = static_cast<int>(stages_.size());
  const auto unknown = [count](int task) { return task < 0 || task >= count; };
  if (const auto* lease = std::get_if<Lease>(&event)) {
    return unknown(lease->task) ? "TASK_UNKNOWN"
                                : HearLease(*lease, now, accepted);
  }
  if (const auto* finish = std::get_if<Finish>(&event)) {
    return unknown(finish->task) ? "TASK_UNKNOWN" : HearFinish(*finish, now);
  }
  if (const auto* beat = std::get_if<Heartbeat>(&event)) {
    if (unknown(beat->task)) return "TASK_UNKNOWN";
    if (!Holds(beat->task, beat->worker, beat->fencing_token)) {
      return "LEASE_LOST";
    }
    Note(What::kBeat, beat->task, now);
  } else if (const auto* died = std::get_if<WorkerDied>(&event)) {
    for (int task = 0; task < count; ++task) {
      if (!IsLeased(task) || NewestLease(task)->worker != died->worker)
        continue;
      NoteFailure(task, {absl::StatusCode::kUnavailable, "WORKER_DIED", ""},
                  false, 0, now);
    }
  } else if (const auto* ended = std::get_if<DependencyEnded>(&event)) {
    HearDependency(*ended, now);
  } else if (std::holds_alternative<Cancel>(event)) {
    if (EndedAs() == "CANCELLED") return "";
    if (HasEnded()) return "JOB_ENDED";
    Note(What::kCancelled, -1, now);
  } else if (const auto* retry = std::get_if<Retry>(&event)) {
    if (!HasEnded() || EndedAs() == "SUCCEEDED") return "JOB_NOT_FAILED";
    Note(What::kRetried, -1, now);
    waits_ = {retry->waits_for.begin(), retry->waits_for.end()};
  } else if (std::holds_alternative<Tick>(event)) {
    HearTick(now);
  } else if (std::holds_alternative<Restart>(event)) {
    for (int task = 0; task < count; ++task) {
      if (IsLeased(task)) Note(What::kBeat, task, now);
    }
  } else {
    for (int task = 0; task < count; ++task) {
      if (IsDone(task)) continue;
      const bool leased = IsLeased(task);
      Note(What::kLeapt, task, now);
      if (leased) Note(What::kTakenBack, task, now);
    }
  }
  return "";
}

std::string JobModel::Difference(const Job& job) const {
  std::string difference;
  const auto compare = [&difference](const std::string& what, const auto& is,
                                     const auto& must) {
    if (is != must) {
      absl::StrAppend(&difference, what, " is ", is, ", must be ", must, "; ");
    }
  };
  compare("the job", std::string(Name(job.state)), JobStands());
  compare("what it waits for",
          absl::StrJoin(
              std::set<std::string>(job.waits_for.begin(), job.waits_for.end()),
              ","),
          absl::StrJoin(waits_, ","));
  for (int i = 0; i < static_cast<int>(stages_.size()); ++i) {
    const Task& task = job.tasks[i];
    const std::string name = absl::StrCat("task ", i, "'s ");
    compare(name + "state", std::string(Name(task.state)), TaskStands(i));
    compare(name + "attempts", task.attempts, Attempts(i));
    compare(name + "token", task.fencing_token, Token(i));
    compare(name + "list of workers that failed it",
            absl::StrJoin(std::set<std::string>(task.failed_workers.begin(),
                                                task.failed_workers.end()),
                          ","),
            absl::StrJoin(FailedAlike(i), ","));
  }
  return difference;
}

}  // namespace nevus::scheduler
