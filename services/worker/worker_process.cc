#include "services/worker/worker_process.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "base/log.h"
#include "base/rpc/channel.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/worker/worker_loop.h"

namespace nevus {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(10);
constexpr absl::Duration kRetryWait = absl::Milliseconds(500);

}  // namespace

absl::Duration RestartBackoff::Next(absl::Duration life) {
  const bool anew = last_ == absl::ZeroDuration() || life >= healthy;
  last_ = anew ? first : std::min(2 * last_, most);
  return last_;
}

WorkerProcess::WorkerProcess(const Peers& peers, WorkerProcessOptions options)
    : peers_(peers), options_(std::move(options)) {}

WorkerProcess::~WorkerProcess() { Stop(); }

void WorkerProcess::Start() {
  thread_ = std::thread([this] {
    Run();
    ended_.Stop();
  });
}

void WorkerProcess::RequestStop() {
  if (stop_.stopped()) return;
  since_stop_ = Stopwatch();
  stop_.Stop();
  MutexLock lock(mutex_);
  if (child_ != nullptr) child_->Signal(SIGTERM);
}

void WorkerProcess::Stop() {
  RequestStop();
  if (!thread_.joinable()) return;
  const absl::Duration left =
      options_.drain - absl::Seconds(since_stop_.Seconds());
  if (!ended_.WaitFor(left)) {
    MutexLock lock(mutex_);
    if (child_ != nullptr) child_->Signal(SIGKILL);
  }
  thread_.join();
}

void WorkerProcess::Run() {
  RestartBackoff backoff = options_.backoff;
  while (!stop_.stopped()) {
    const std::string worker = NewWorkerName(options_.kind);
    const Stopwatch life;
    const std::string how = RunChild(worker);
    const absl::Duration lived = absl::Seconds(life.Seconds());
    if (stop_.stopped()) return;
    if (!how.empty()) ReportDeath(worker, how);
    stop_.WaitFor(backoff.Next(lived));
  }
}

std::string WorkerProcess::RunChild(const std::string& worker) {
  const auto child =
      ChildProcess::Start(options_.program, options_.command(worker));
  if (!child.ok()) {
    Log("worker.process_not_started")
        .With("worker", worker)
        .With("why", child.status().message());
    return "";  // nobody lived, nobody died
  }
  {
    MutexLock lock(mutex_);
    child_ = child->get();
  }
  // RequestStop has not seen it if it came before this.
  if (stop_.stopped()) (*child)->Signal(SIGTERM);
  Log("worker.process_started")
      .With("worker", worker)
      .With("pid", (*child)->pid());
  const std::string how = (*child)->Wait();
  {
    MutexLock lock(mutex_);
    child_ = nullptr;
  }
  Log("worker.process_ended")
      .With("worker", worker)
      .With("pid", (*child)->pid())
      .With("how", how.empty() ? "as it should" : how);
  return how;
}

void WorkerProcess::ReportDeath(const std::string& worker,
                                const std::string& how) {
  const auto stub = v1::WorkerService::NewStub(peers_.ChannelTo("scheduler"));
  v1::ReportWorkerDeathRequest request;
  request.set_worker(worker);
  request.set_how(how);
  do {
    grpc::ClientContext context;
    SetTimeout(context, kCallTimeout);
    v1::ReportWorkerDeathResponse response;
    const absl::Status status = PeerCaller(nullptr).ToStatus(
        stub->ReportWorkerDeath(&context, request, &response));
    // Away, or without space to store it: nobody could give a new child a task
    // either.
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
        absl::IsResourceExhausted(status)) {
      continue;
    }
    if (!status.ok()) {
      Log("worker.death_not_reported")
          .With("worker", worker)
          .With("why", status.message());
    }
    return;
  } while (!stop_.WaitFor(kRetryWait));
}

}  // namespace nevus
