#include "services/scheduler/shell/scheduler_service.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/scheduler/shell/scheduler.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/job/job_store.h"

namespace nevus {
namespace {

constexpr absl::Duration kMaxWait = absl::Seconds(30);
// How long a wait goes on before it looks whether its caller is still there.
constexpr absl::Duration kLookEvery = absl::Milliseconds(500);
constexpr absl::Duration kExpireEvery = absl::Milliseconds(500);

template <typename T>
grpc::Status Answer(absl::StatusOr<T> result, T* response) {
  if (!result.ok()) return ToGrpc(result.status());
  *response = *std::move(result);
  return grpc::Status::OK;
}

class JobServiceImpl final : public v1::JobService::Service {
 public:
  explicit JobServiceImpl(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status SubmitJob(grpc::ServerContext*,
                         const v1::SubmitJobRequest* request,
                         v1::Job* response) override {
    return Answer(scheduler_.Submit(request->job()), response);
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    return Answer(scheduler_.Get(request->id()), response);
  }
  grpc::Status ListJobs(grpc::ServerContext*,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    return Answer(scheduler_.List(*request), response);
  }
  grpc::Status CancelJob(grpc::ServerContext*,
                         const v1::CancelJobRequest* request,
                         v1::Job* response) override {
    return Answer(scheduler_.Cancel(request->id()), response);
  }
  grpc::Status RetryJob(grpc::ServerContext*,
                        const v1::RetryJobRequest* request,
                        v1::Job* response) override {
    return Answer(scheduler_.Retry(request->id()), response);
  }

  grpc::Status WatchJob(
      grpc::ServerContext* context, const v1::WatchJobRequest* request,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override {
    int64_t revision = 0;
    while (!context->IsCancelled() && !stop_.stopped()) {
      const int64_t before = revision;
      const absl::StatusOr<v1::Job> job =
          scheduler_.AwaitChange(request->id(), &revision, kLookEvery);
      if (!job.ok()) return ToGrpc(job.status());
      if (revision == before) continue;
      v1::WatchJobResponse response;
      *response.mutable_job() = *job;
      if (!writer->Write(response)) return grpc::Status::CANCELLED;
      if (job->has_end_time()) return grpc::Status::OK;
    }
    return ToGrpc(
        context->IsCancelled()
            ? absl::CancelledError("the watcher has gone")
            : absl::UnavailableError("the scheduler is stopping; watch again"));
  }

  void Stop() { stop_.Stop(); }

 private:
  Scheduler& scheduler_;
  StopSignal stop_;
};

class WorkerServiceImpl final : public v1::WorkerService::Service {
 public:
  explicit WorkerServiceImpl(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status LeaseTask(grpc::ServerContext* context,
                         const v1::LeaseTaskRequest* request,
                         v1::LeaseTaskResponse* response) override {
    absl::Duration left =
        std::min(kMaxWait, absl::Seconds(request->wait().seconds()) +
                               absl::Nanoseconds(request->wait().nanos()));
    do {
      // A lease given to a caller that has gone would have to expire first.
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      absl::StatusOr<v1::LeaseTaskResponse> task =
          scheduler_.LeaseTask(*request, std::min(left, kLookEvery));
      if (!task.ok()) return ToGrpc(task.status());
      if (task->has_lease()) {
        *response = *std::move(task);
        return grpc::Status::OK;
      }
      left -= kLookEvery;
    } while (left > absl::ZeroDuration() && !stop_.stopped());
    return grpc::Status::OK;
  }
  grpc::Status Heartbeat(grpc::ServerContext*,
                         const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    return Answer(scheduler_.Heartbeat(*request), response);
  }
  grpc::Status FinishTask(grpc::ServerContext*,
                          const v1::FinishTaskRequest* request,
                          v1::FinishTaskResponse*) override {
    return ToGrpc(scheduler_.FinishTask(*request));
  }

  void Stop() { stop_.Stop(); }

 private:
  Scheduler& scheduler_;
  StopSignal stop_;
};

class SchedulerService final : public HostedService {
 public:
  static absl::StatusOr<std::unique_ptr<HostedService>> Open(
      const ServiceContext& context) {
    auto service = std::unique_ptr<SchedulerService>(new SchedulerService);
    ASSIGN_OR_RETURN(service->engine_,
                     RocksDbStore::Open(context.data_dir + "/scheduler"));
    service->store_ = std::make_unique<JobStore>(*service->engine_);
    ASSIGN_OR_RETURN(
        service->scheduler_,
        Scheduler::Open(*service->store_, *context.clock, SchedulerOptions()));
    service->jobs_ = std::make_unique<JobServiceImpl>(*service->scheduler_);
    service->workers_ =
        std::make_unique<WorkerServiceImpl>(*service->scheduler_);
    return service;
  }
  ~SchedulerService() override { Stop(); }

  std::vector<grpc::Service*> grpc_services() override {
    return {jobs_.get(), workers_.get()};
  }

  void Start() override {
    expiry_ = std::thread([this] {
      while (!stop_.WaitFor(kExpireEvery)) scheduler_->ExpireLeases();
    });
  }

  void Stop() override {
    stop_.Stop();
    if (jobs_ != nullptr) jobs_->Stop();
    if (workers_ != nullptr) workers_->Stop();
    if (scheduler_ != nullptr) scheduler_->Stop();
    if (expiry_.joinable()) expiry_.join();
  }

 private:
  SchedulerService() = default;

  std::unique_ptr<KeyValueStore> engine_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<JobServiceImpl> jobs_;
  std::unique_ptr<WorkerServiceImpl> workers_;
  StopSignal stop_;
  std::thread expiry_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewSchedulerService(
    const ServiceContext& context) {
  return SchedulerService::Open(context);
}

}  // namespace nevus
