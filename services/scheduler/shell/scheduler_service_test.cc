// JobService and WorkerService over gRPC, on a store on disk.
#include "services/scheduler/shell/scheduler_service.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/scheduler/shell/event_text.h"
#include "services/testing/call.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

class SchedulerServiceTest : public testing::Test {
 protected:
  SchedulerServiceTest() { Start(); }
  ~SchedulerServiceTest() override { Stop(); }

  void Start() {
    ServiceContext context;
    context.data_dir = dir_.path();
    context.clock = &clock_;
    context.job_limits = limits_;
    service_ = NewSchedulerService(context).value();
    grpc::ServerBuilder builder;
    for (grpc::Service* service : service_->grpc_services()) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    service_->Start();
    const auto channel = server_->InProcessChannel(ChannelArguments());
    jobs_ = v1::JobService::NewStub(channel);
    workers_ = v1::WorkerService::NewStub(channel);
  }
  void Stop() {
    if (server_ == nullptr) return;
    service_->Stop();
    server_->Shutdown();
    server_.reset();
    service_.reset();
  }

  v1::Job Submit(int tasks, const std::string& request_id = "") {
    v1::SubmitJobRequest request;
    v1::Job& job = *request.mutable_job();
    job.set_kind(v1::TRAINING);
    job.set_request_id(request_id);
    for (int i = 0; i < tasks; ++i) {
      job.add_tasks()->mutable_spec()->mutable_train()->set_seed(i);
    }
    return Call(*jobs_, &v1::JobService::Stub::SubmitJob, request).value();
  }
  v1::LeaseTaskResponse Lease(const std::string& worker) {
    v1::LeaseTaskRequest request;
    request.set_worker(worker);
    request.set_kind(v1::TRAINING);
    return Call(*workers_, &v1::WorkerService::Stub::LeaseTask, request)
        .value();
  }
  absl::Status Finish(const std::string& worker, const v1::Lease& lease) {
    v1::FinishTaskRequest request;
    request.set_worker(worker);
    *request.mutable_lease() = lease;
    request.set_result("melanoma@1");
    return Call(*workers_, &v1::WorkerService::Stub::FinishTask, request)
        .status();
  }

  // What a watch says: events as text, jobs as "job STATE"; ends it early when
  // `enough` says so.
  struct Watched {
    std::vector<std::string> said;
    int64_t last = 0;
    absl::Status status;
  };
  Watched Watch(
      const std::string& id, int64_t after = 0, bool past_only = false,
      const std::function<bool(const v1::WatchJobResponse&)>& enough =
          [](const v1::WatchJobResponse&) { return false; }) {
    v1::WatchJobRequest request;
    request.set_id(id);
    request.set_after_event(after);
    request.set_past_only(past_only);
    grpc::ClientContext context;
    const auto reader = jobs_->WatchJob(&context, request);
    Watched watched;
    watched.last = after;
    v1::WatchJobResponse response;
    while (reader->Read(&response)) {
      if (response.has_event()) {
        watched.last = response.event().number();
        watched.said.push_back(Text(response.event()));
      } else {
        watched.said.push_back("job " +
                               v1::JobState_Name(response.job().state()));
      }
      if (enough(response)) context.TryCancel();
    }
    watched.status = FromGrpc(reader->Finish());
    return watched;
  }

  TempDir dir_;
  FakeClock clock_{absl::FromUnixSeconds(1'790'000'000)};
  JobLimits limits_;
  std::unique_ptr<HostedService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
};

TEST_F(SchedulerServiceTest, AWatchBeginsAndEndsWithTheJob) {
  const std::string id = Submit(1).id();
  std::thread worker([&] {
    const v1::LeaseTaskResponse leased = Lease("w1");
    EXPECT_THAT(Finish("w1", leased.lease()), IsOk());
  });
  const Watched all = Watch(id);
  worker.join();
  EXPECT_THAT(all.status, IsOk());
  EXPECT_EQ(all.said.front().rfind("job ", 0), 0u);
  EXPECT_EQ(all.said.back(), "job SUCCEEDED");
  std::vector<std::string> events;
  for (const std::string& text : all.said) {
    if (text.rfind("job ", 0) != 0) events.push_back(text);
  }
  EXPECT_THAT(events, ElementsAre("1 state PENDING", "2 task 0 LEASED w1",
                                  "3 state RUNNING", "4 task 0 DONE w1",
                                  "5 state SUCCEEDED"));
  EXPECT_THAT(Watch("j-none").status,
              StatusIs(StatusCode::kNotFound, "j-none"));
}

TEST_F(SchedulerServiceTest, AWatcherGoesOnAfterARestartWhereItWas) {
  const std::string id = Submit(1).id();
  const v1::LeaseTaskResponse leased = Lease("w1");
  const Watched before =
      Watch(id, 0, false, [](const v1::WatchJobResponse& response) {
        return response.event().number() == 2;
      });
  EXPECT_THAT(before.status, StatusIs(StatusCode::kCancelled, ""));
  Stop();
  Start();
  EXPECT_THAT(Finish("w1", leased.lease()), IsOk());
  EXPECT_THAT(
      Watch(id, 2).said,
      ElementsAre("job SUCCEEDED", "3 state RUNNING", "4 task 0 DONE w1",
                  "5 state SUCCEEDED", "job SUCCEEDED"));
}

TEST_F(SchedulerServiceTest, ThePastAloneEndsAtTheNewestEvent) {
  const std::string id = Submit(1).id();
  const Watched past = Watch(id, 0, true);
  EXPECT_THAT(past.status, IsOk());
  EXPECT_THAT(past.said, ElementsAre("job PENDING", "1 state PENDING"));
  EXPECT_THAT(Watch(id, 1, true).said, ElementsAre("job PENDING"));
}

TEST_F(SchedulerServiceTest, AWatcherSeesWhyAJobWaitsChange) {
  const std::string id = Submit(1).id();
  std::vector<std::string> reasons;
  const Watched watched =
      Watch(id, 1, false, [&](const v1::WatchJobResponse& response) {
        reasons.push_back(response.job().reason_message());
        if (reasons.size() == 1) {
          // A worker of the kind comes by, for other work.
          v1::HeartbeatRequest alive;
          alive.set_worker("w1");
          alive.mutable_lease()->set_job(id);
          EXPECT_THAT(
              Call(*workers_, &v1::WorkerService::Stub::Heartbeat, alive)
                  .status(),
              StatusIs(StatusCode::kAborted, "w1"));
        }
        return reasons.size() == 2;
      });
  EXPECT_THAT(watched.said, ElementsAre("job PENDING", "job PENDING"));
  EXPECT_NE(reasons[0], reasons[1]);
}

TEST_F(SchedulerServiceTest, ADrainingSchedulerSendsItsCallersAway) {
  const std::string id = Submit(1).id();
  const Watched watched = Watch(id, 0, false, [&](const v1::WatchJobResponse&) {
    service_->Stop();
    return false;
  });
  EXPECT_THAT(watched.status,
              StatusIs(StatusCode::kUnavailable, "watch again"));
}

TEST_F(SchedulerServiceTest, ALeaseWaitsForWork) {
  std::string leased;
  std::thread worker([&] {
    v1::LeaseTaskRequest request;
    request.set_worker("w1");
    request.set_kind(v1::TRAINING);
    request.mutable_wait()->set_seconds(30);
    leased = Call(*workers_, &v1::WorkerService::Stub::LeaseTask, request)
                 ->lease()
                 .job();
  });
  const std::string id = Submit(1).id();
  worker.join();
  EXPECT_EQ(leased, id);
}

TEST_F(SchedulerServiceTest, IsFoundByRequestAndHearsOfDeaths) {
  const std::string id = Submit(1, "r").id();
  Lease("w1");
  v1::ReportWorkerDeathRequest death;
  death.set_worker("w1");
  death.set_how("killed by signal 9 (SIGKILL)");
  EXPECT_EQ(Call(*workers_, &v1::WorkerService::Stub::ReportWorkerDeath, death)
                ->tasks(),
            1);
  v1::GetJobRequest by_request;
  by_request.set_request_id("r");
  const v1::Job job =
      Call(*jobs_, &v1::JobService::Stub::GetJob, by_request).value();
  EXPECT_EQ(job.id(), id);
  EXPECT_EQ(job.tasks(0).last_error().reason(), "WORKER_DIED");
}

TEST_F(SchedulerServiceTest, KeepsToTheLimitsItIsGiven) {
  Stop();
  limits_.max_running["training"] = 1;
  Start();
  const std::string first = Submit(1).id();
  Submit(1);
  EXPECT_EQ(Lease("w1").lease().job(), first);
  EXPECT_FALSE(Lease("w2").has_lease());
}

}  // namespace
}  // namespace nevus
