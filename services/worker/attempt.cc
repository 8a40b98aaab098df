#include "services/worker/attempt.h"

#include <algorithm>
#include <utility>

#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// Between tries to say how the task went.
constexpr absl::Duration kRetryWait = absl::Milliseconds(500);
// Seen within a moment, so that a watcher's bar moves; not at each report, so
// that a fast handler does not flood the scheduler.
constexpr absl::Duration kNewsEvery = absl::Milliseconds(500);
// The contract's (job.proto, Progress.metrics).
constexpr int kMostMetrics = 16;

absl::Duration HeartbeatEvery(const v1::LeaseTaskResponse& leased) {
  const absl::Duration lease =
      absl::Seconds(leased.lease_duration().seconds()) +
      absl::Nanoseconds(leased.lease_duration().nanos());
  // No lease is so short; a scheduler that forgot it must not be flooded.
  return std::max(lease / 3, absl::Milliseconds(10));
}

// The scheduler is away, or has no space to store the answer.
bool IsWorthRepeating(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

bool IsLeaseLost(const absl::Status& status) {
  return absl::IsAborted(status) || absl::IsNotFound(status);
}

}  // namespace

Attempt::Attempt(v1::WorkerService::Stub& stub, std::string worker,
                 const v1::LeaseTaskResponse& leased,
                 const StopSignal& worker_stop)
    : stub_(stub),
      worker_(std::move(worker)),
      lease_(leased.lease()),
      heartbeat_every_(HeartbeatEvery(leased)),
      worker_stop_(worker_stop),
      thread_([this] { SendHeartbeats(); }) {}

Attempt::~Attempt() { EndHeartbeats(); }

void Attempt::EndHeartbeats() {
  ended_.Stop();
  if (thread_.joinable()) thread_.join();
}

bool Attempt::cancelled() const {
  return cancelled_.stopped() || worker_stop_.stopped();
}

void Attempt::Report(const v1::Progress& progress) {
  MutexLock lock(mutex_);
  progress_ = progress;
  if (progress_.metrics_size() > kMostMetrics) {
    progress_.mutable_metrics()->DeleteSubrange(
        kMostMetrics, progress_.metrics_size() - kMostMetrics);
  }
  new_progress_ = true;
}

void Attempt::Log(std::string_view line) {
  MutexLock lock(mutex_);
  log_.Add(line);
}

bool Attempt::HasNews() const {
  MutexLock lock(mutex_);
  return new_progress_ || !log_.empty();
}

bool Attempt::IsDue() const {
  return absl::Seconds(since_sent_.Seconds()) >= heartbeat_every_;
}

void Attempt::SendHeartbeats() {
  while (!cancelled_.stopped()) {
    const absl::Duration until_due =
        heartbeat_every_ - absl::Seconds(since_sent_.Seconds());
    if (ended_.WaitFor(std::min(until_due, kNewsEvery))) return;
    if (worker_stop_.stopped()) calls_.Cancel();
    if (IsDue() || HasNews()) (void)SendHeartbeat();
  }
}

absl::Status Attempt::SendHeartbeat() {
  v1::HeartbeatRequest request;
  request.set_worker(worker_);
  *request.mutable_lease() = lease_;
  int64_t last_line = 0;
  {
    MutexLock lock(mutex_);
    *request.mutable_progress() = progress_;
    new_progress_ = false;
    if (!log_.empty()) {
      const LogBuffer::Batch batch = log_.Next();
      request.set_first_log_line(batch.first);
      *request.mutable_log_lines() = {batch.lines.begin(), batch.lines.end()};
      last_line = batch.last();
    }
  }
  since_sent_ = Stopwatch();
  grpc::ClientContext context;
  // One that hangs must not delay the next.
  SetTimeout(context, heartbeat_every_);
  v1::HeartbeatResponse response;
  const absl::Status status =
      FromGrpc(stub_.Heartbeat(&context, request, &response));
  // Unreachable is no reason to stop: the fencing token decides in the end.
  if (IsLeaseLost(status) || (status.ok() && response.cancelled())) {
    cancelled_.Stop();
    calls_.Cancel();
  }
  MutexLock lock(mutex_);
  if (status.ok()) {
    log_.Settle(last_line);
  } else {
    new_progress_ = true;  // nobody may have it
  }
  return status;
}

absl::Status Attempt::Finish(const absl::StatusOr<std::string>& result) {
  EndHeartbeats();
  v1::FinishTaskRequest request;
  request.set_worker(worker_);
  *request.mutable_lease() = lease_;
  if (result.ok()) {
    request.set_result(*result);
  } else {
    const absl::Status& why = result.status();
    request.mutable_error()->set_code(static_cast<int>(why.code()));
    request.mutable_error()->set_reason(ReasonOf(why));
    request.mutable_error()->set_message(std::string(why.message()));
  }
  while (true) {
    while ((HasNews() || IsDue()) && SendHeartbeat().ok()) {
    }
    grpc::ClientContext context;
    SetTimeout(context, kCallTimeout);
    v1::FinishTaskResponse response;
    const absl::Status status = PeerCaller(nullptr).ToStatus(
        stub_.FinishTask(&context, request, &response));
    if (!IsWorthRepeating(status) || worker_stop_.WaitFor(kRetryWait)) {
      return status;
    }
  }
}

}  // namespace nevus
