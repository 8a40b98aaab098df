#include "services/worker/worker_loop.h"

#include <exception>
#include <new>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/worker/attempt.h"

namespace nevus {
namespace {

// A poll this long costs an idle worker about nothing.
constexpr absl::Duration kPollWait = absl::Seconds(5);
constexpr absl::Duration kCallTimeout = absl::Seconds(10);
// Between tries when the scheduler cannot be reached.
constexpr absl::Duration kRetryWait = absl::Milliseconds(500);

std::string KindName(v1::WorkerKind kind) {
  return absl::AsciiStrToLower(v1::WorkerKind_Name(kind));
}

absl::StatusOr<std::string> RunHandler(TaskHandler& handler,
                                       const v1::TaskSpec& spec,
                                       TaskContext& context) {
  // A handler's library may throw, for want of memory above all: the task
  // failed, the worker did not.
  try {
    return handler.Run(spec, context);
  } catch (const std::bad_alloc&) {
    return WithReason(
        absl::ResourceExhaustedError(
            "the worker had no memory left for the task; give it more, or run "
            "fewer workers on its machine"),
        "OUT_OF_MEMORY");
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("the worker's library failed: ", error.what()));
  }
}

// One line an attempt: how the work went, and whether it counts.
void LogEnd(const v1::Lease& lease, const std::string& worker,
            const absl::Status& work, const absl::Status& told) {
  const bool lost = absl::IsAborted(told) || absl::IsNotFound(told);
  Log line(told.ok() ? "task.finished"
           : lost    ? "task.lease_lost"
                     : "task.not_reported");
  line.With("job", lease.job())
      .With("task", lease.task())
      .With("token", lease.fencing_token())
      .With("worker", worker)
      .With("code", absl::StatusCodeToString(work.code()));
  if (!work.ok()) line.With("reason", ReasonOf(work));
  if (!told.ok()) line.With("why", told.message());
}

}  // namespace

std::string NewWorkerName(const std::string& kind) {
  return absl::StrCat(kind, "-", RandomHex(4));
}

WorkerLoop::WorkerLoop(const Peers& peers, std::unique_ptr<TaskHandler> handler,
                       const std::string& name)
    : peers_(peers),
      handler_(std::move(handler)),
      name_(name.empty() ? NewWorkerName(KindName(handler_->kind())) : name) {}

WorkerLoop::~WorkerLoop() { Stop(); }

void WorkerLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void WorkerLoop::RequestStop() {
  stop_.Stop();
  // The scheduler gives no lease to a caller that has gone; one that crosses
  // this on its way expires.
  polls_.Cancel();
}

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
    const PeerContextPtr context = PeerCaller(polls_).NewContext();
    SetTimeout(*context, kPollWait + kCallTimeout);
    const grpc::Status status =
        stub->LeaseTask(context.get(), request, &leased);
    if (!status.ok()) {
      stop_.WaitFor(kRetryWait);
      return;
    }
  }
  if (!leased.has_lease()) return;

  Attempt attempt(*stub, name_, leased, stop_);
  const absl::StatusOr<std::string> result =
      RunHandler(*handler_, leased.spec(), attempt);
  LogEnd(leased.lease(), name_, result.status(), attempt.Finish(result));
}

}  // namespace nevus
