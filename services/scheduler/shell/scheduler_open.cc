// The scheduler's start: what the store has becomes what is in memory.
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/job_events.h"
#include "services/scheduler/shell/scheduler.h"

namespace nevus {
namespace {

// Jobs of a copy that are stored in one batch.
constexpr size_t kRestoredAtATime = 200;

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Open(
    JobStore& store, RequestLog& requests, const Clock& clock,
    const SchedulerOptions& options) {
  auto opened = std::unique_ptr<Scheduler>(
      new Scheduler(store, requests, clock, options));
  Scheduler& self = *opened;
  ASSIGN_OR_RETURN(const bool restored, store.restored());
  std::vector<v1::Job> jobs;
  RETURN_IF_ERROR(store.LoadAll(
      [&](const v1::Job& header) {
        return !HasEnded(FromProto(header.state())) ||
               (restored && header.state() != v1::SUCCEEDED);
      },
      [&](v1::Job job) { jobs.push_back(std::move(job)); }));
  MutexLock lock(self.mutex_);
  for (const auto& [kind, most] : options.max_running) {
    self.table_.queue().SetLimit(kind, most);
  }
  std::vector<JobRef> to_leap;
  for (v1::Job& job : jobs) {
    const std::string id = job.id();
    RETURN_IF_ERROR(self.AddLoadedLocked(std::move(job)));
    const JobRef entry = self.table_.Find(id);
    if (restored && entry->live != nullptr) to_leap.push_back(entry);
  }
  jobs.clear();
  if (restored) RETURN_IF_ERROR(self.LeapLocked(to_leap));
  RETURN_IF_ERROR(self.BeginAnewLocked());
  // A crash may have come between a job's end and what it means for others.
  self.TellDependentsLocked();
  return opened;
}

absl::Status Scheduler::AddLoadedLocked(v1::Job job) {
  auto entry = std::make_shared<JobEntry>();
  entry->number = absl::ToUnixNanos(FromTimestamp(job.create_time()));
  entry->id = job.id();
  entry->request_id = job.request_id();
  entry->kind = job.kind();
  entry->priority = job.priority();
  entry->state = FromProto(job.state());
  entry->last_event = job.last_event();
  entry->stored = true;
  if (const JobRef other = table_.At(entry->number)) {
    return WithReason(
        absl::DataLossError(absl::StrCat(
            "jobs ", other->id, " and ", entry->id,
            " were created in the same nanosecond, which this scheduler never "
            "does; the store is damaged: restore it from a backup")),
        "STORE_DAMAGED");
  }
  table_.Add(entry);
  if (HasEnded(entry->state)) {
    entry->end_time = FromTimestamp(job.end_time());
    table_.PlaceEnded(*entry);
    if (job.tasks_size() > 0) entry->live = LiveJobOf(std::move(job));
  } else {
    entry->live = LiveJobOf(std::move(job));
    table_.Place(*entry, entry->live->state);
  }
  return absl::OkStatus();
}

absl::Status Scheduler::LeapLocked(const std::vector<JobRef>& jobs) {
  const absl::Time now = clock_.Now();
  std::vector<JobChange> changes;
  for (size_t i = 0; i < jobs.size(); ++i) {
    JobEntry& entry = *jobs[i];
    LiveJob& live = *entry.live;
    ASSIGN_OR_RETURN(
        scheduler::Transition step,
        Step(live.state, scheduler::Restore{}, now, options_.policy));
    JobChange& change = changes.emplace_back(ChangeOf(
        entry, step.next, step.changed_tasks,
        EventsBetween(live.state, step.next, step.changed_tasks), now));
    entry.last_event = change.job.last_event();
    live.header = change.job;
    live.state = std::move(step.next);
    Rest(entry);
    if (changes.size() == kRestoredAtATime || i + 1 == jobs.size()) {
      RETURN_IF_ERROR(store_.Write(changes));
      changes.clear();
    }
  }
  // Last: a crash before this raises the tokens once more, which harms nobody.
  RETURN_IF_ERROR(store_.ClearRestored());
  Log("scheduler.restored").With("unfinished_jobs", table_.Unfinished().size());
  return absl::OkStatus();
}

absl::Status Scheduler::BeginAnewLocked() {
  const absl::Time now = clock_.Now();
  for (const JobRef& entry : table_.Unfinished()) {
    LiveJob& live = *entry->live;
    // One without tasks ends with the last it waits for: it has to hear of all.
    for (const std::string& id : live.header.depends_on()) {
      const JobRef other = table_.Find(id);
      if (other == nullptr) continue;
      if (other->state == scheduler::JobState::kSucceeded &&
          !live.state.tasks.empty()) {
        continue;
      }
      live.state.waits_for.push_back(id);
    }
    ASSIGN_OR_RETURN(
        scheduler::Transition step,
        Step(live.state, scheduler::Restart{}, now, options_.policy));
    InstallLocked(*entry, std::move(step.next));
  }
  return absl::OkStatus();
}

}  // namespace nevus
