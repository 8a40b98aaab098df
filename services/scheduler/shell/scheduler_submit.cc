// A job comes in.
#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/status.h"
#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/job_events.h"
#include "services/scheduler/shell/new_job.h"
#include "services/scheduler/shell/scheduler.h"

namespace nevus {
namespace {

constexpr absl::Duration kComeBackAfter = absl::Seconds(10);

// The core's view of a job that nobody has worked on yet.
scheduler::Job NewState(const v1::Job& job, absl::Time now,
                        std::vector<std::string> waits_for) {
  scheduler::Job state =
      scheduler::NewJob(job.tasks_size(), now, std::move(waits_for));
  // What is known before any task: all there is for a job without one.
  state.result = job.result();
  for (int i = 0; i < job.tasks_size(); ++i) {
    state.tasks[i].stage = job.tasks(i).stage();
    state.tasks[i].progress = FromProto(job.tasks(i).progress());
  }
  if (job.has_time_limit()) {
    state.time_limit = FromProtoDuration(job.time_limit());
  }
  if (job.has_attempt_time_limit()) {
    state.attempt_time_limit = FromProtoDuration(job.attempt_time_limit());
  }
  state.jitter_seed = Checksum64(job.id());
  return state;
}

absl::Status QueueFull(int64_t unfinished) {
  return WithRetryDelay(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     "the queue holds ", unfinished,
                     " unfinished jobs, the most there can be; wait for some "
                     "to end or cancel them")),
                 "QUEUE_FULL"),
      kComeBackAfter);
}

}  // namespace

absl::StatusOr<v1::Job> Scheduler::Submit(v1::Job job) {
  RETURN_IF_ERROR(CheckNewJob(job, options_.max_tasks));
  ClearOutput(job);
  const std::string request_id = job.request_id();
  if (!request_id.empty()) {
    if (job.request_digest().empty()) {
      job.set_request_digest(Sha256Hex(job.SerializeAsString()));
    }
  }
  // A job remembers its own request for as long as it is there. Whether the id
  // was of another call is settled once no such call runs.
  const RequestLog::Turn turn(requests_, request_id);
  RETURN_IF_ERROR(
      requests_.Find<v1::Job>({request_id, "SubmitJob", job.request_digest()})
          .status());
  auto entry = std::make_shared<JobEntry>();
  entry->id = absl::StrCat("j-", RandomHex(6));
  entry->request_id = request_id;
  entry->kind = job.kind();
  entry->priority = job.priority();
  job.set_id(entry->id);

  MutexLock lock(mutex_);
  if (!request_id.empty()) {
    if (const JobRef first = table_.FindRequest(request_id)) {
      return SubmittedBeforeLocked(*first, job.request_digest());
    }
  }
  if (table_.queue().size() >= options_.max_unfinished_jobs) {
    return QueueFull(table_.queue().size());
  }
  while (table_.Find(entry->id) != nullptr) {
    entry->id = absl::StrCat("j-", RandomHex(6));
    job.set_id(entry->id);
  }
  // No two jobs have the same time, so that it orders them for ever.
  const absl::Time now =
      std::max(clock_.Now(), absl::FromUnixNanos(table_.newest() + 1));
  entry->number = absl::ToUnixNanos(now);
  *job.mutable_create_time() = ToTimestamp(now);
  std::vector<std::string> waits_for;
  std::optional<scheduler::DependencyEnded> failed;
  RETURN_IF_ERROR(FindDependenciesLocked(job, waits_for, failed));
  scheduler::Job state = NewState(job, now, std::move(waits_for));
  if (failed.has_value()) {
    ASSIGN_OR_RETURN(scheduler::Transition step,
                     Step(state, *failed, now, options_.policy));
    state = std::move(step.next);
  }
  std::vector<v1::JobEvent> events = {StateEvent(state)};
  NumberEvents(0, now, events);
  job.set_last_event(static_cast<int64_t>(events.size()));
  FillHeader(state, &job);
  for (int i = 0; i < job.tasks_size(); ++i) {
    job.mutable_tasks(i)->set_state(ToProto(state.tasks[i].state));
  }
  entry->state = state.state;
  entry->last_event = job.last_event();
  entry->live = NewLiveJob(job, std::move(state));
  table_.Add(entry);
  table_.Place(*entry, entry->live->state);

  const absl::Status stored = OutsideLocked(*entry, [&] {
    absl::Status status = store_.Create(job, events);
    if (status.ok()) {
      Log("job.submitted")
          .With("job", job.id())
          .With("kind", KindName(job.kind()))
          .With("tasks", job.tasks_size())
          .With("title", job.title());
    }
    return status;
  });
  if (!stored.ok()) {
    // Nobody was told of it, and its request may come again.
    table_.Remove(*entry);
    return stored;
  }
  entry->stored = true;
  v1::Job shown = ShowLocked(*entry, true);
  Rest(*entry);
  WakeLocked(entry->kind);
  return shown;
}

absl::StatusOr<v1::Job> Scheduler::SubmittedBeforeLocked(
    JobEntry& entry, const std::string& digest) {
  RETURN_IF_ERROR(AwaitFreeLocked(entry));
  const bool same = entry.live->header.request_digest() == digest;
  v1::Job shown = ShowLocked(entry, true);
  Rest(entry);
  if (!same) return RequestIdReused(entry.request_id);
  return shown;
}

absl::Status Scheduler::FindDependenciesLocked(
    const v1::Job& job, std::vector<std::string>& waits_for,
    std::optional<scheduler::DependencyEnded>& failed) const {
  const std::set<std::string> ids = {job.depends_on().begin(),
                                     job.depends_on().end()};
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(const JobRef other, FindLocked(id));
    if (other->state == scheduler::JobState::kSucceeded) continue;
    if (HasEnded(other->state)) failed = {id, other->state};
    waits_for.push_back(id);
  }
  return absl::OkStatus();
}

}  // namespace nevus
