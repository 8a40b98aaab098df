#include "services/scheduler/shell/scheduler.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "services/scheduler/core/waiting_reason.h"
#include "services/scheduler/shell/job_codec.h"

namespace nevus {
namespace {

constexpr size_t kMaxRequestIdBytes = 64;
constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
// A worker polls every few seconds and sends heartbeats in between.
constexpr absl::Duration kWorkerForgotten = absl::Seconds(45);

absl::Status CheckNewJob(const v1::Job& job, const SchedulerOptions& options) {
  if (job.kind() == v1::WORKER_KIND_UNSPECIFIED) {
    return WithReason(
        absl::InvalidArgumentError("the job names no kind of worker; set kind"),
        "JOB_INVALID");
  }
  if (job.request_id().size() > kMaxRequestIdBytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "request_id has ", job.request_id().size(),
                          " bytes; the most is ", kMaxRequestIdBytes)),
                      "REQUEST_ID_TOO_LONG");
  }
  if (job.tasks_size() > options.max_tasks) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the job has ", job.tasks_size(),
                          " tasks; the most is ", options.max_tasks)),
                      "JOB_INVALID");
  }
  for (const v1::Task& task : job.tasks()) {
    if (task.spec().spec_case() == v1::TaskSpec::SPEC_NOT_SET) {
      return WithReason(absl::InvalidArgumentError(absl::StrCat(
                            "task ", task.index(), " of the job has no spec")),
                        "JOB_INVALID");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Open(
    JobStore& store, const Clock& clock, const SchedulerOptions& options) {
  std::vector<v1::Job> jobs;
  RETURN_IF_ERROR(
      store.LoadAll([&](v1::Job job) { jobs.push_back(std::move(job)); }));
  std::sort(jobs.begin(), jobs.end(), [](const v1::Job& a, const v1::Job& b) {
    const auto key = [](const v1::Job& job) {
      return std::make_tuple(FromTimestamp(job.create_time()), job.id());
    };
    return key(a) < key(b);
  });
  auto result =
      std::unique_ptr<Scheduler>(new Scheduler(store, clock, options));
  MutexLock lock(result->mutex_);
  for (v1::Job& job : jobs) {
    auto entry = std::make_unique<Entry>();
    ASSIGN_OR_RETURN(scheduler::Transition restarted,
                     scheduler::Step(StateOf(job), scheduler::Restart{},
                                     clock.Now(), options.policy));
    entry->state = std::move(restarted.next);
    entry->proto = std::move(job);
    const size_t position = result->jobs_.size();
    result->by_id_[entry->proto.id()] = position;
    if (!entry->proto.request_id().empty()) {
      result->id_by_request_[entry->proto.request_id()] = entry->proto.id();
    }
    if (!scheduler::HasEnded(entry->state.state)) {
      result->unfinished_[position] = entry.get();
    }
    result->jobs_.push_back(std::move(entry));
  }
  return result;
}

absl::StatusOr<v1::Job> Scheduler::Submit(v1::Job job) {
  RETURN_IF_ERROR(CheckNewJob(job, options_));
  const std::string request_id = job.request_id();
  const std::string id = absl::StrCat("j-", RandomHex(6));
  auto entry = std::make_unique<Entry>();
  entry->proto = std::move(job);
  entry->proto.set_id(id);
  Entry* const added = entry.get();

  MutexLock lock(mutex_);
  if (!request_id.empty()) {
    const auto [found, is_new] = id_by_request_.emplace(request_id, id);
    if (!is_new) {
      // The same request again, perhaps while the first is still being stored.
      ASSIGN_OR_RETURN(Entry * first, FindLocked(found->second));
      while (first->storing) changed_.Wait(mutex_);
      return ShowLocked(*first, true);
    }
  }
  if (static_cast<int64_t>(unfinished_.size()) >=
      options_.max_unfinished_jobs) {
    if (!request_id.empty()) id_by_request_.erase(request_id);
    return WithRetryDelay(
        WithReason(absl::ResourceExhaustedError(absl::StrCat(
                       "the queue holds ", unfinished_.size(),
                       " unfinished jobs, the most there can be; wait for some "
                       "to end or cancel them")),
                   "QUEUE_FULL"),
        absl::Seconds(10));
  }
  const absl::Time now = clock_.Now();
  *added->proto.mutable_create_time() = ToTimestamp(now);
  added->state = scheduler::NewJob(added->proto.tasks_size(), now);
  // What is known before any task: all there is for a job without one.
  added->state.result = added->proto.result();
  for (int i = 0; i < added->proto.tasks_size(); ++i) {
    added->state.tasks[i].progress =
        FromProto(added->proto.tasks(i).progress());
  }
  FillJob(added->state, &added->proto);
  added->storing = true;
  const size_t position = jobs_.size();
  by_id_[id] = position;
  jobs_.push_back(std::move(entry));

  const v1::Job to_store = added->proto;
  mutex_.Unlock();
  const absl::Status stored = store_.Create(to_store);
  mutex_.Lock();
  added->storing = false;
  if (!stored.ok()) {
    // Nobody was told of it: it ends here, and its request may come again.
    added->state.state = scheduler::JobState::kFailed;
    added->state.error = {stored.code(), ReasonOf(stored),
                          std::string(stored.message())};
    id_by_request_.erase(request_id);
    changed_.NotifyAll();
    return stored;
  }
  if (!scheduler::HasEnded(added->state.state)) unfinished_[position] = added;
  Log("job.submitted")
      .With("job", id)
      .With("kind", KindName(added->proto.kind()))
      .With("tasks", added->proto.tasks_size())
      .With("title", added->proto.title());
  changed_.NotifyAll();
  return ShowLocked(*added, true);
}

absl::StatusOr<Scheduler::Entry*> Scheduler::FindLocked(
    const std::string& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("there is no job ", Quoted(id),
                                         "; nevus job list shows those there "
                                         "are")),
        "JOB_NOT_FOUND");
  }
  return jobs_[found->second].get();
}

absl::StatusOr<v1::Job> Scheduler::ApplyLocked(Entry& entry,
                                               const scheduler::Event& event) {
  while (entry.storing) changed_.Wait(mutex_);
  ASSIGN_OR_RETURN(
      scheduler::Transition step,
      scheduler::Step(entry.state, event, clock_.Now(), options_.policy));
  if (step.store) {
    v1::Job to_store = entry.proto;
    FillJob(step.next, &to_store);
    entry.storing = true;
    mutex_.Unlock();
    const absl::Status stored = store_.Update(to_store);
    mutex_.Lock();
    entry.storing = false;
    changed_.NotifyAll();
    RETURN_IF_ERROR(stored);
  }
  if (entry.state.state != step.next.state) {
    Log("job.state")
        .With("job", entry.proto.id())
        .With("from", Name(entry.state.state))
        .With("to", Name(step.next.state))
        .With("why", step.next.error.message);
  }
  entry.state = std::move(step.next);
  ++entry.revision;
  const size_t position = by_id_.at(entry.proto.id());
  if (scheduler::HasEnded(entry.state.state)) {
    unfinished_.erase(position);
  } else {
    unfinished_[position] = &entry;
  }
  changed_.NotifyAll();
  return ShowLocked(entry, true);
}

absl::StatusOr<v1::Job> Scheduler::Apply(const std::string& id,
                                         const scheduler::Event& event) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Entry * entry, FindLocked(id));
  return ApplyLocked(*entry, event);
}

absl::StatusOr<v1::Job> Scheduler::Cancel(const std::string& id) {
  return Apply(id, scheduler::Cancel{});
}

absl::StatusOr<v1::Job> Scheduler::Retry(const std::string& id) {
  return Apply(id, scheduler::Retry{});
}

absl::StatusOr<v1::Job> Scheduler::Get(const std::string& id) const {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const Entry* entry, FindLocked(id));
  return ShowLocked(*entry, true);
}

absl::StatusOr<v1::ListJobsResponse> Scheduler::List(
    const v1::ListJobsRequest& request) const {
  const int page_size = request.page_size() <= 0
                            ? kDefaultPageSize
                            : std::min<int>(request.page_size(), kMaxPageSize);
  MutexLock lock(mutex_);
  size_t end = jobs_.size();
  if (!request.page_token().empty()) {
    const auto found = by_id_.find(request.page_token());
    if (found == by_id_.end()) {
      return WithReason(absl::InvalidArgumentError(absl::StrCat(
                            "page token ", Quoted(request.page_token()),
                            " is not of this server; begin without one")),
                        "PAGE_TOKEN_INVALID");
    }
    end = found->second;
  }
  v1::ListJobsResponse response;
  while (end > 0 && response.jobs_size() < page_size) {
    *response.add_jobs() = ShowLocked(*jobs_[--end], false);
  }
  if (end > 0) response.set_next_page_token(jobs_[end]->proto.id());
  return response;
}

absl::StatusOr<v1::Job> Scheduler::AwaitChange(const std::string& id,
                                               int64_t* revision,
                                               absl::Duration timeout) const {
  const Stopwatch watch;
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(const Entry* entry, FindLocked(id));
  while (entry->revision == *revision && !stopped_) {
    const absl::Duration left = timeout - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(mutex_, left);
  }
  *revision = entry->revision;
  return ShowLocked(*entry, true);
}

absl::StatusOr<v1::LeaseTaskResponse> Scheduler::LeaseTask(
    const v1::LeaseTaskRequest& request, absl::Duration timeout) {
  if (request.worker().empty() ||
      request.kind() == v1::WORKER_KIND_UNSPECIFIED) {
    return WithReason(
        absl::InvalidArgumentError("a worker must give its name and its kind"),
        "WORKER_INVALID");
  }
  const Stopwatch watch;
  MutexLock lock(mutex_);
  while (true) {
    workers_[{request.kind(), request.worker()}] = clock_.Now();
    Entry* next = nullptr;
    int task = -1;
    for (const auto& [position, entry] : unfinished_) {
      if (entry->proto.kind() != request.kind() || entry->storing) continue;
      task = scheduler::FindLeasable(entry->state, clock_.Now());
      if (task >= 0) {
        next = entry;
        break;
      }
    }
    if (next != nullptr) {
      RETURN_IF_ERROR(
          ApplyLocked(*next, scheduler::Lease{task, request.worker()})
              .status());
      v1::LeaseTaskResponse response;
      v1::Lease* lease = response.mutable_lease();
      lease->set_job(next->proto.id());
      lease->set_task(task);
      lease->set_fencing_token(next->state.tasks[task].fencing_token);
      *response.mutable_spec() = next->proto.tasks(task).spec();
      response.mutable_lease_duration()->set_seconds(
          absl::ToInt64Seconds(options_.policy.lease));
      return response;
    }
    const absl::Duration left = timeout - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration() || stopped_) {
      return v1::LeaseTaskResponse();
    }
    // At most a second: a back-off ends without anybody saying so.
    changed_.WaitFor(mutex_, std::min(left, absl::Seconds(1)));
  }
}

absl::StatusOr<v1::HeartbeatResponse> Scheduler::Heartbeat(
    const v1::HeartbeatRequest& request) {
  v1::HeartbeatResponse response;
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Entry * entry, FindLocked(request.lease().job()));
  workers_[{entry->proto.kind(), request.worker()}] = clock_.Now();
  if (entry->state.state == scheduler::JobState::kCancelled) {
    response.set_cancelled(true);
    return response;
  }
  RETURN_IF_ERROR(
      ApplyLocked(*entry,
                  scheduler::Heartbeat{request.lease().task(), request.worker(),
                                       request.lease().fencing_token(),
                                       FromProto(request.progress())})
          .status());
  return response;
}

absl::Status Scheduler::FinishTask(const v1::FinishTaskRequest& request) {
  scheduler::Finish finish;
  finish.task = request.lease().task();
  finish.worker = request.worker();
  finish.fencing_token = request.lease().fencing_token();
  if (request.has_error()) {
    finish.failure = {static_cast<absl::StatusCode>(request.error().code()),
                      request.error().reason(), request.error().message()};
  } else {
    finish.result = request.result();
  }
  return Apply(request.lease().job(), finish).status();
}

void Scheduler::ExpireLeases() {
  MutexLock lock(mutex_);
  const absl::Time now = clock_.Now();
  std::vector<Entry*> expired;
  for (const auto& [position, entry] : unfinished_) {
    if (scheduler::NextExpiry(entry->state) <= now) expired.push_back(entry);
  }
  for (Entry* entry : expired) {
    if (const auto job = ApplyLocked(*entry, scheduler::Tick{}); !job.ok()) {
      Log("job.expiry_not_stored")
          .With("job", entry->proto.id())
          .With("why", job.status().message());
    }
  }
}

void Scheduler::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

int Scheduler::WorkersLocked(v1::WorkerKind kind) const {
  int count = 0;
  for (const auto& [worker, heard] : workers_) {
    if (worker.first == kind && clock_.Now() - heard < kWorkerForgotten) {
      ++count;
    }
  }
  return count;
}

v1::Job Scheduler::ShowLocked(const Entry& entry, bool with_tasks) const {
  v1::Job shown = entry.proto;
  FillJob(entry.state, &shown);
  for (v1::Task& task : *shown.mutable_tasks()) task.clear_spec();
  if (!with_tasks) shown.clear_tasks();
  if (!scheduler::HasEnded(entry.state.state)) {
    const v1::WorkerKind kind = entry.proto.kind();
    int64_t ahead = 0;
    for (const auto& [position, other] : unfinished_) {
      if (other == &entry) break;
      if (other->proto.kind() == kind) ++ahead;
    }
    const scheduler::WaitingReason why =
        WhyWaiting(entry.state, clock_.Now(),
                   {KindName(kind), WorkersLocked(kind), ahead});
    shown.set_reason(why.code);
    shown.set_reason_message(why.message);
  }
  return shown;
}

}  // namespace nevus
