// One step of a job, and what follows from it for those that wait for it.
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/job_events.h"
#include "services/scheduler/shell/new_job.h"
#include "services/scheduler/shell/scheduler.h"

namespace nevus {
absl::Status Scheduler::AwaitFreeLocked(JobEntry& entry) {
  while (entry.busy) entry.changed.Wait(mutex_);
  if (entry.gone) return FindLocked(entry.id).status();
  if (entry.live != nullptr) return absl::OkStatus();
  const std::string id = entry.id;
  absl::StatusOr<v1::Job> job =
      OutsideLocked(entry, [&] { return store_.Read(id); });
  RETURN_IF_ERROR(job.status());
  entry.live = LiveJobOf(*std::move(job));
  return absl::OkStatus();
}

absl::Status Scheduler::ApplyOneLocked(JobEntry& entry, const MakePlan& make,
                                       v1::Job* shown) {
  RETURN_IF_ERROR(AwaitFreeLocked(entry));
  const absl::StatusOr<Plan> plan = make(*entry.live);
  const absl::Status status =
      plan.ok() ? StepLocked(entry, *plan, shown) : plan.status();
  Rest(entry);
  return status;
}

absl::Status Scheduler::ApplyLocked(JobEntry& entry, const MakePlan& make,
                                    v1::Job* shown) {
  const absl::Status status = ApplyOneLocked(entry, make, shown);
  TellDependentsLocked();
  return status;
}

absl::Status Scheduler::StepLocked(JobEntry& entry, const Plan& plan,
                                   v1::Job* shown) {
  const absl::Time now = clock_.Now();
  LiveJob& live = *entry.live;
  ASSIGN_OR_RETURN(scheduler::Transition step,
                   Step(live.state, plan.event, now, options_.policy));
  std::vector<v1::JobEvent> events =
      EventsBetween(live.state, step.next, step.changed_tasks);
  if (plan.tell) plan.tell(step.next, events);
  if (step.store || !events.empty() || plan.answers != nullptr) {
    if (plan.task >= 0 && step.changed_tasks.empty()) {
      step.changed_tasks = {plan.task};
    }
    JobChange change =
        ChangeOf(entry, step.next, step.changed_tasks, std::move(events), now);
    // A job that begins counts at once, or more could begin than its kind may.
    const bool leases = std::holds_alternative<scheduler::Lease>(plan.event);
    if (leases) table_.Place(entry, step.next);
    const absl::Status stored = OutsideLocked(entry, [&] {
      absl::Status status =
          plan.answers == nullptr
              ? store_.Write({change})
              : store_.Write({change}, *plan.answers, Shown(change.job));
      if (status.ok() && live.state.state != step.next.state) {
        Log("job.state")
            .With("job", entry.id)
            .With("from", Name(live.state.state))
            .With("to", Name(step.next.state))
            .With("why", step.next.error.message);
      }
      return status;
    });
    if (!stored.ok()) {
      // Workers are not called: they would meet the same. The next Tick does.
      if (leases) table_.Place(entry, live.state);
      return stored;
    }
    live.header = std::move(change.job);
    entry.last_event = live.header.last_event();
  }
  if (plan.done) plan.done(live);
  InstallLocked(entry, std::move(step.next));
  if (shown != nullptr) *shown = HeaderOf(live);
  return absl::OkStatus();
}

void Scheduler::InstallLocked(JobEntry& entry, scheduler::Job next) {
  const bool had_ended = HasEnded(entry.state);
  entry.live->state = std::move(next);
  const scheduler::Job& state = entry.live->state;
  // Before Place, which forgets them when the job has ended.
  if (HasEnded(state.state) && !had_ended) {
    for (const JobRef& dependent : table_.Dependents(entry.id)) {
      to_tell_.push_back({dependent, {entry.id, state.state}});
    }
  }
  entry.state = state.state;
  table_.Place(entry, state);
  // One that ended before this one began to wait tells nobody any more.
  if (!HasEnded(state.state)) {
    for (const std::string& id : state.waits_for) {
      const JobRef other = table_.Find(id);
      if (other != nullptr && HasEnded(other->state)) {
        to_tell_.push_back({table_.At(entry.number), {id, other->state}});
      }
    }
  }
  entry.changed.NotifyAll();
  WakeLocked(entry.kind);
}

void Scheduler::TellDependentsLocked() {
  while (!to_tell_.empty()) {
    const Ended ended = std::move(to_tell_.front());
    to_tell_.pop_front();
    const absl::Status told = ApplyOneLocked(
        *ended.dependent,
        [&](LiveJob&) -> absl::StatusOr<Plan> { return Plan{ended.event}; });
    if (!told.ok() && !ended.dependent->gone) {
      Log("job.dependency_not_stored")
          .With("job", ended.dependent->id)
          .With("dependency", ended.event.job)
          .With("why", told.message());
      untold_.push_back(ended);
    }
  }
}

absl::StatusOr<scheduler::Event> Scheduler::RetryEventLocked(
    const LiveJob& live) const {
  scheduler::Retry retry;
  for (const std::string& id : live.header.depends_on()) {
    const JobRef other = table_.Find(id);
    // One that was pruned has ended long ago: if it left nothing, the task that
    // needs it will say so.
    if (other == nullptr || other->state == scheduler::JobState::kSucceeded) {
      continue;
    }
    if (HasEnded(other->state)) {
      return WithReason(absl::FailedPreconditionError(absl::StrCat(
                            "the job depends on ", id, ", which has ",
                            Name(other->state), "; retry that one first")),
                        "DEPENDENCY_FAILED", {{"dependency", id}});
    }
    retry.waits_for.push_back(id);
  }
  return retry;
}

absl::StatusOr<v1::Job> Scheduler::AnswerOnce(
    const RepeatableRequest& request, const std::string& id,
    const std::function<absl::StatusOr<scheduler::Event>(const LiveJob&)>&
        make_event) {
  return requests_.Once<v1::Job>(
      request, [&](const RequestEntry& entry) -> absl::StatusOr<v1::Job> {
        MutexLock lock(mutex_);
        if (!request.id.empty() && table_.FindRequest(request.id) != nullptr) {
          return RequestIdReused(request.id);
        }
        ASSIGN_OR_RETURN(const JobRef job, FindLocked(id));
        v1::Job answer;
        RETURN_IF_ERROR(ApplyLocked(
            *job,
            [&](LiveJob& live) -> absl::StatusOr<Plan> {
              ASSIGN_OR_RETURN(scheduler::Event event, make_event(live));
              Plan plan{std::move(event)};
              if (!request.id.empty()) plan.answers = &entry;
              return plan;
            },
            &answer));
        return answer;
      });
}

absl::StatusOr<v1::Job> Scheduler::Cancel(const v1::CancelJobRequest& request) {
  return AnswerOnce(RequestOf("CancelJob", request), request.id(),
                    [](const LiveJob&) -> absl::StatusOr<scheduler::Event> {
                      return scheduler::Cancel{};
                    });
}

absl::StatusOr<v1::Job> Scheduler::Retry(const v1::RetryJobRequest& request) {
  return AnswerOnce(RequestOf("RetryJob", request), request.id(),
                    [this](const LiveJob& live) ABSL_EXCLUSIVE_LOCKS_REQUIRED(
                        mutex_) { return RetryEventLocked(live); });
}

}  // namespace nevus
