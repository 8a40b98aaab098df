// What the scheduler shows, and what time does to it.
#include "services/scheduler/shell/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "services/scheduler/shell/job_codec.h"

namespace nevus {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
// Ended jobs that one Tick removes.
constexpr size_t kPrunedAtATime = 200;

absl::StatusOr<scheduler::JobQueue::Number> ReadPageToken(
    const std::string& token) {
  scheduler::JobQueue::Number number =
      std::numeric_limits<scheduler::JobQueue::Number>::max();
  if (token.empty() || (absl::SimpleAtoi(token, &number) && number > 0)) {
    return number;
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "page token ", Quoted(token),
                        " is not of this server; begin without one")),
                    "PAGE_TOKEN_INVALID");
}

absl::Status NoSuchJob(const std::string& what) {
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "there is no job ", what, "; nevus job list shows those there are")),
      "JOB_NOT_FOUND");
}

}  // namespace

absl::StatusOr<JobRef> Scheduler::FindLocked(const std::string& id) const {
  JobRef entry = table_.Find(id);
  if (entry == nullptr || !entry->stored) return NoSuchJob(Quoted(id));
  return entry;
}

absl::StatusOr<v1::Job> Scheduler::Get(const v1::GetJobRequest& request) {
  MutexLock lock(mutex_);
  JobRef entry = request.id().empty() ? table_.FindRequest(request.request_id())
                                      : table_.Find(request.id());
  if (entry == nullptr || !entry->stored) {
    return NoSuchJob(
        request.id().empty()
            ? absl::StrCat("with the request id ", Quoted(request.request_id()))
            : Quoted(request.id()));
  }
  // A live one shows its last stored state, also while it takes a step.
  if (entry->live == nullptr) RETURN_IF_ERROR(AwaitFreeLocked(*entry));
  v1::Job shown = ShowLocked(*entry, true);
  if (!entry->busy) Rest(*entry);
  return shown;
}

absl::StatusOr<v1::ListJobsResponse> Scheduler::List(
    const v1::ListJobsRequest& request) const {
  const int page_size = request.page_size() <= 0
                            ? kDefaultPageSize
                            : std::min<int>(request.page_size(), kMaxPageSize);
  ASSIGN_OR_RETURN(const scheduler::JobQueue::Number before,
                   ReadPageToken(request.page_token()));
  v1::ListJobsResponse response;
  std::vector<int> ended;
  {
    MutexLock lock(mutex_);
    const std::vector<JobRef> jobs = table_.Before(before, page_size + 1);
    for (const JobRef& entry : jobs) {
      if (response.jobs_size() == page_size) {
        response.set_next_page_token(absl::StrCat(jobs[page_size - 1]->number));
        break;
      }
      if (entry->live != nullptr) {
        *response.add_jobs() = ShowLocked(*entry, false);
      } else {
        ended.push_back(response.jobs_size());
        response.add_jobs()->set_id(entry->id);
      }
    }
  }
  std::vector<int> pruned;
  for (int index : ended) {
    absl::StatusOr<v1::Job> job = store_.ReadHeader(response.jobs(index).id());
    if (absl::IsNotFound(job.status())) {
      pruned.push_back(index);
      continue;
    }
    RETURN_IF_ERROR(job.status());
    *response.mutable_jobs(index) = Shown(*std::move(job));
  }
  for (auto index = pruned.rbegin(); index != pruned.rend(); ++index) {
    response.mutable_jobs()->DeleteSubrange(*index, 1);
  }
  return response;
}

absl::StatusOr<Scheduler::News> Scheduler::AwaitNews(const std::string& id,
                                                     int64_t after,
                                                     absl::Duration timeout) {
  const Stopwatch watch;
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const JobRef entry, FindLocked(id));
  while (entry->last_event <= after && !HasEnded(entry->state) && !stopped_) {
    const absl::Duration left = timeout - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration()) break;
    entry->changed.WaitFor(mutex_, left);
  }
  if (entry->gone) return NoSuchJob(Quoted(id));
  return News{entry->last_event, HasEnded(entry->state), WhyLocked(*entry)};
}

absl::Status Scheduler::ReadEvents(
    const std::string& id, int64_t after, int64_t last,
    const std::function<bool(const v1::JobEvent&)>& visit) const {
  if (after >= last) return absl::OkStatus();
  return store_.ReadEvents(id, after, [&](const v1::JobEvent& event) {
    return event.number() <= last && visit(event) && event.number() < last;
  });
}

scheduler::WaitingReason Scheduler::WhyLocked(const JobEntry& entry) const {
  if (entry.live == nullptr || HasEnded(entry.state)) return {};
  const absl::Time now = clock_.Now();
  scheduler::QueueFacts facts;
  facts.kind = KindName(entry.kind);
  facts.workers = workers_.Connected(entry.kind, now);
  facts.jobs_ahead = table_.queue().Ahead(entry.number);
  facts.running = table_.queue().Running(entry.kind);
  facts.limit = table_.queue().Limit(entry.kind);
  return WhyWaiting(entry.live->state, now, facts);
}

v1::Job Scheduler::ShowLocked(const JobEntry& entry, bool with_tasks) const {
  v1::Job shown = HeaderOf(*entry.live);
  if (with_tasks) ShowTasks(*entry.live, shown);
  const scheduler::WaitingReason why = WhyLocked(entry);
  shown.set_reason(why.code);
  shown.set_reason_message(why.message);
  return shown;
}

JobFigures Scheduler::Count() const {
  MutexLock lock(mutex_);
  return table_.Count(clock_.Now());
}

void Scheduler::Tick() {
  MutexLock lock(mutex_);
  int not_stored = 0;
  absl::Status first;
  for (scheduler::JobQueue::Number number : table_.queue().Due(clock_.Now())) {
    const JobRef entry = table_.At(number);
    if (entry == nullptr || !entry->stored) continue;
    const absl::Status ticked =
        ApplyLocked(*entry, [](LiveJob&) -> absl::StatusOr<Plan> {
          return Plan{scheduler::Tick{}};
        });
    // It stays due and is tried again by the next Tick.
    if (!ticked.ok() && !entry->gone && ++not_stored == 1) first = ticked;
  }
  if (not_stored > 0) {
    Log("job.expiry_not_stored")
        .With("jobs", not_stored)
        .With("why", first.message());
  }
  to_tell_.insert(to_tell_.end(), untold_.begin(), untold_.end());
  untold_.clear();
  TellDependentsLocked();
  for (v1::WorkerKind kind : {v1::EXTRACTION, v1::TRAINING, v1::EVALUATION}) {
    WakeLocked(kind);
  }
  PruneLocked();
}

void Scheduler::PruneLocked() {
  const absl::Time before = clock_.Now() - options_.keep_jobs_for;
  for (const JobRef& entry :
       table_.Prunable(options_.keep_jobs, before, kPrunedAtATime)) {
    // It may have been retried while others were removed.
    if (entry->gone || entry->busy || !HasEnded(entry->state) ||
        !table_.Dependents(entry->id).empty()) {
      continue;
    }
    const std::string id = entry->id;
    const absl::Status removed = OutsideLocked(*entry, [&] {
      absl::Status status = store_.Delete(id);
      if (status.ok()) Log("job.pruned").With("job", id);
      return status;
    });
    if (!removed.ok()) {
      Log("job.not_pruned").With("job", id).With("why", removed.message());
      return;
    }
    table_.Remove(*entry);
    entry->changed.NotifyAll();
  }
}

void Scheduler::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  workers_.WakeAll();
  for (const JobRef& entry : table_.Unfinished()) entry->changed.NotifyAll();
}

}  // namespace nevus
