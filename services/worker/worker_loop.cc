#include "services/worker/worker_loop.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"

namespace nevus {
namespace {

// A poll this long costs an idle worker about nothing, and a stop of the
// scheduler is noticed soon.
constexpr absl::Duration kPollWait = absl::Seconds(5);
constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// Between tries when the scheduler cannot be reached.
constexpr absl::Duration kRetryWait = absl::Milliseconds(500);

std::string KindName(v1::WorkerKind kind) {
  return absl::AsciiStrToLower(v1::WorkerKind_Name(kind));
}

}  // namespace

// One attempt at one task: sends heartbeats while the handler works.
class WorkerLoop::Attempt : public TaskContext {
 public:
  Attempt(v1::WorkerService::Stub& stub, std::string worker,
          const v1::LeaseTaskResponse& leased, const StopSignal& worker_stop)
      : stub_(stub),
        worker_(std::move(worker)),
        lease_(leased.lease()),
        heartbeat_every_(absl::Seconds(leased.lease_duration().seconds()) / 3),
        worker_stop_(worker_stop),
        thread_([this] { SendHeartbeats(); }) {}
  ~Attempt() override {
    ended_.Stop();
    thread_.join();
  }

  const v1::Lease& lease() const override { return lease_; }
  bool cancelled() const override {
    return cancelled_.stopped() || worker_stop_.stopped();
  }
  void Report(const v1::Progress& progress) override {
    MutexLock lock(mutex_);
    progress_ = progress;
    // Seen within a moment, so that a watcher's bar moves; not at each call,
    // so that a fast handler does not flood the scheduler.
    fresh_ = true;
  }
  void Log(std::string_view line) override {
    nevus::Log("task.says")
        .With("job", lease_.job())
        .With("task", lease_.task())
        .With("line", std::string(line));
  }

 private:
  void SendHeartbeats() {
    // Progress is worth a message of its own every half second at most.
    constexpr absl::Duration kProgressEvery = absl::Milliseconds(500);
    Stopwatch since_sent;
    while (!ended_.WaitFor(std::min(heartbeat_every_, kProgressEvery))) {
      v1::HeartbeatRequest request;
      {
        MutexLock lock(mutex_);
        if (!fresh_ && absl::Seconds(since_sent.Seconds()) < heartbeat_every_) {
          continue;
        }
        fresh_ = false;
        *request.mutable_progress() = progress_;
      }
      since_sent = Stopwatch();
      request.set_worker(worker_);
      *request.mutable_lease() = lease_;
      v1::HeartbeatResponse response;
      grpc::ClientContext context;
      SetTimeout(context, heartbeat_every_);
      const absl::Status status =
          FromGrpc(stub_.Heartbeat(&context, request, &response));
      // Unreachable is no reason to stop: the fencing token decides in the end.
      if (status.code() == absl::StatusCode::kAborted ||
          status.code() == absl::StatusCode::kNotFound ||
          (status.ok() && response.cancelled())) {
        cancelled_.Stop();
        return;
      }
    }
  }

  v1::WorkerService::Stub& stub_;
  const std::string worker_;
  const v1::Lease lease_;
  const absl::Duration heartbeat_every_;
  const StopSignal& worker_stop_;
  StopSignal ended_;
  StopSignal cancelled_;
  Mutex mutex_;
  v1::Progress progress_ ABSL_GUARDED_BY(mutex_);
  bool fresh_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

WorkerLoop::WorkerLoop(const Peers& peers, std::unique_ptr<TaskHandler> handler)
    : peers_(peers),
      handler_(std::move(handler)),
      name_(absl::StrCat(KindName(handler_->kind()), "-", RandomHex(4))) {}

WorkerLoop::~WorkerLoop() { Stop(); }

void WorkerLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void WorkerLoop::RequestStop() { stop_.Stop(); }

void WorkerLoop::Stop() {
  RequestStop();
  if (thread_.joinable()) thread_.join();
}

void WorkerLoop::Run() {
  Log("worker.started").With("worker", name_);
  while (!stop_.stopped()) RunOneTask();
  Log("worker.stopped").With("worker", name_);
}

void WorkerLoop::RunOneTask() {
  const auto stub = v1::WorkerService::NewStub(peers_.ChannelTo("scheduler"));
  v1::LeaseTaskRequest request;
  request.set_worker(name_);
  request.set_kind(handler_->kind());
  request.mutable_wait()->set_seconds(absl::ToInt64Seconds(kPollWait));
  v1::LeaseTaskResponse leased;
  {
    grpc::ClientContext context;
    SetTimeout(context, kPollWait + kCallTimeout);
    const grpc::Status status = stub->LeaseTask(&context, request, &leased);
    if (!status.ok()) {
      stop_.WaitFor(kRetryWait);
      return;
    }
  }
  if (!leased.has_lease()) return;

  v1::FinishTaskRequest finish;
  finish.set_worker(name_);
  *finish.mutable_lease() = leased.lease();
  absl::StatusOr<std::string> result = std::string();
  {
    Attempt attempt(*stub, name_, leased, stop_);
    // A handler's library may throw for want of memory: the task failed, the
    // worker did not.
    try {
      result = handler_->Run(leased.spec(), attempt);
    } catch (const std::exception& error) {
      result = absl::InternalError(
          absl::StrCat("the worker's library failed: ", error.what()));
    }
  }
  if (result.ok()) {
    finish.set_result(*result);
  } else {
    finish.mutable_error()->set_code(static_cast<int>(result.status().code()));
    finish.mutable_error()->set_reason(ReasonOf(result.status()));
    finish.mutable_error()->set_message(std::string(result.status().message()));
  }
  Log("task.finished")
      .With("job", leased.lease().job())
      .With("task", leased.lease().task())
      .With("worker", name_)
      .With("code", absl::StatusCodeToString(result.status().code()));
  // Until the scheduler heard it or says that the lease is lost. If it stays
  // away, the lease expires and the task is done again: its writes are fenced.
  for (int tries = 0; tries < 20; ++tries) {
    grpc::ClientContext context;
    SetTimeout(context, kCallTimeout);
    v1::FinishTaskResponse response;
    const absl::Status status =
        FromGrpc(stub->FinishTask(&context, finish, &response));
    if (status.code() != absl::StatusCode::kUnavailable &&
        status.code() != absl::StatusCode::kDeadlineExceeded) {
      return;
    }
    if (stop_.WaitFor(kRetryWait)) return;
  }
}

}  // namespace nevus
