#include "services/scheduler/shell/scheduler_service.h"

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/scheduler.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/job/job_store.h"

namespace nevus {
namespace {

constexpr absl::Duration kMaxWait = absl::Seconds(30);
// How long a watch waits before it looks whether its caller is still there and
// why the job waits now.
constexpr absl::Duration kLookEvery = absl::Milliseconds(500);
// Takeover within lease + 1 s, and back-offs end in time.
constexpr absl::Duration kTickEvery = absl::Milliseconds(250);

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
    return Answer(scheduler_.Get(*request), response);
  }
  grpc::Status ListJobs(grpc::ServerContext*,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    return Answer(scheduler_.List(*request), response);
  }
  grpc::Status CancelJob(grpc::ServerContext*,
                         const v1::CancelJobRequest* request,
                         v1::Job* response) override {
    return Answer(scheduler_.Cancel(*request), response);
  }
  grpc::Status RetryJob(grpc::ServerContext*,
                        const v1::RetryJobRequest* request,
                        v1::Job* response) override {
    return Answer(scheduler_.Retry(*request), response);
  }

  grpc::Status WatchJob(
      grpc::ServerContext* context, const v1::WatchJobRequest* request,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override {
    return ToGrpc(Watch(*request, [&](const v1::WatchJobResponse* news) {
      if (!context->IsCancelled() &&
          (news == nullptr || writer->Write(*news))) {
        return absl::OkStatus();
      }
      return absl::CancelledError("the watcher has gone");
    }));
  }

  void Stop() { stop_.Stop(); }

 private:
  // Sends news; with none, only looks whether the watcher is still there.
  using Send = std::function<absl::Status(const v1::WatchJobResponse*)>;

  absl::Status SendJob(const std::string& id, const Send& send) {
    v1::GetJobRequest request;
    request.set_id(id);
    v1::WatchJobResponse response;
    ASSIGN_OR_RETURN(*response.mutable_job(), scheduler_.Get(request));
    return send(&response);
  }

  absl::Status Watch(const v1::WatchJobRequest& request, const Send& send) {
    const std::string& id = request.id();
    int64_t sent = request.after_event();
    ASSIGN_OR_RETURN(Scheduler::News news,
                     scheduler_.AwaitNews(id, sent, absl::ZeroDuration()));
    std::string reason = news.reason.message;
    RETURN_IF_ERROR(SendJob(id, send));
    while (true) {
      absl::Status status;
      RETURN_IF_ERROR(scheduler_.ReadEvents(id, sent, news.last_event,
                                            [&](const v1::JobEvent& event) {
                                              v1::WatchJobResponse response;
                                              *response.mutable_event() = event;
                                              status = send(&response);
                                              if (status.ok())
                                                sent = event.number();
                                              return status.ok();
                                            }));
      RETURN_IF_ERROR(status);
      if (news.ended) return SendJob(id, send);
      if (request.past_only()) return absl::OkStatus();
      if (stop_.stopped()) {
        return absl::UnavailableError("the scheduler is stopping; watch again");
      }
      RETURN_IF_ERROR(send(nullptr));
      ASSIGN_OR_RETURN(news, scheduler_.AwaitNews(id, sent, kLookEvery));
      if (news.reason.message != reason && !news.ended) {
        reason = news.reason.message;
        RETURN_IF_ERROR(SendJob(id, send));
      }
    }
  }

  Scheduler& scheduler_;
  StopSignal stop_;
};

class WorkerServiceImpl final : public v1::WorkerService::Service {
 public:
  explicit WorkerServiceImpl(Scheduler& scheduler) : scheduler_(scheduler) {}

  grpc::Status LeaseTask(grpc::ServerContext* context,
                         const v1::LeaseTaskRequest* request,
                         v1::LeaseTaskResponse* response) override {
    // A lease given to a caller that has gone would have to expire first.
    return Answer(
        scheduler_.LeaseTask(
            *request, std::min(kMaxWait, FromProtoDuration(request->wait())),
            [&] { return context->IsCancelled(); }),
        response);
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

  grpc::Status ReportWorkerDeath(
      grpc::ServerContext*, const v1::ReportWorkerDeathRequest* request,
      v1::ReportWorkerDeathResponse* response) override {
    return Answer(scheduler_.ReportWorkerDeath(*request), response);
  }

 private:
  Scheduler& scheduler_;
};

// What the process was told of jobs, in the scheduler's words.
SchedulerOptions OptionsFrom(const JobLimits& limits) {
  SchedulerOptions options;
  for (v1::WorkerKind kind : {v1::EXTRACTION, v1::TRAINING, v1::EVALUATION}) {
    const auto most = limits.max_running.find(KindName(kind));
    if (most != limits.max_running.end()) {
      options.max_running[kind] = most->second;
    }
  }
  options.keep_jobs = limits.keep_jobs;
  options.keep_jobs_for = limits.keep_jobs_for;
  return options;
}

class SchedulerService final : public HostedService {
 public:
  static absl::StatusOr<std::unique_ptr<HostedService>> Open(
      const ServiceContext& context) {
    auto service = std::unique_ptr<SchedulerService>(
        new SchedulerService(context.metrics));
    ASSIGN_OR_RETURN(service->engine_,
                     RocksDbStore::Open(context.data_dir + "/scheduler"));
    service->store_ = std::make_unique<JobStore>(*service->engine_);
    ASSIGN_OR_RETURN(service->requests_, RequestLog::Open(*service->engine_));
    ASSIGN_OR_RETURN(
        service->scheduler_,
        Scheduler::Open(*service->store_, *service->requests_, *context.clock,
                        OptionsFrom(context.job_limits)));
    service->jobs_ = std::make_unique<JobServiceImpl>(*service->scheduler_);
    service->workers_ =
        std::make_unique<WorkerServiceImpl>(*service->scheduler_);
    return service;
  }
  ~SchedulerService() override { Stop(); }

  std::vector<grpc::Service*> grpc_services() override {
    return {jobs_.get(), workers_.get()};
  }

  absl::Status Backup(const std::string& dir) override {
    RETURN_IF_ERROR(engine_->Checkpoint(dir));
    // Whoever opens the copy has to know that tokens were given since.
    ASSIGN_OR_RETURN(const std::unique_ptr<RocksDbStore> copy,
                     RocksDbStore::Open(dir));
    return copy->Apply({MarkRestored()});
  }
  absl::Status Verify(const VerifyVisitor& visit) override {
    return engine_->Verify(visit);
  }

  void Start() override {
    refresh_ = metrics_->AddRefresh([this] { Tell(scheduler_->Count()); });
    ticker_ = std::thread([this] {
      while (!stop_.WaitFor(kTickEvery)) scheduler_->Tick();
    });
  }

  void Stop() override {
    metrics_->RemoveRefresh(refresh_);
    stop_.Stop();
    if (jobs_ != nullptr) jobs_->Stop();
    if (scheduler_ != nullptr) scheduler_->Stop();
    if (ticker_.joinable()) ticker_.join();
  }

 private:
  explicit SchedulerService(std::shared_ptr<Metrics> metrics)
      : metrics_(std::move(metrics)) {}

  void Tell(const JobFigures& figures) {
    // Every kind and state, so that one that is left falls to zero.
    for (const char* kind : {"extraction", "training", "evaluation"}) {
      for (const char* state : {"PENDING", "RUNNING", "PAUSED"}) {
        const auto count = figures.unfinished.find({kind, state});
        metrics_
            ->AddGauge("nevus_job_state", "Unfinished jobs by state.",
                       {{"kind", kind}, {"state", state}})
            .Set(count == figures.unfinished.end()
                     ? 0
                     : static_cast<double>(count->second));
      }
    }
    metrics_
        ->AddGauge("nevus_lease_age_seconds",
                   "How long the oldest lease that is held has been held.")
        .Set(absl::ToDoubleSeconds(figures.oldest_lease));
  }

  const std::shared_ptr<Metrics> metrics_;
  int refresh_ = 0;

  std::unique_ptr<RocksDbStore> engine_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<RequestLog> requests_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<JobServiceImpl> jobs_;
  std::unique_ptr<WorkerServiceImpl> workers_;
  StopSignal stop_;
  std::thread ticker_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewSchedulerService(
    const ServiceContext& context) {
  return SchedulerService::Open(context);
}

}  // namespace nevus
