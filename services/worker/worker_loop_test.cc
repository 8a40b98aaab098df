// A worker against a scheduler that a test scripts, over a real in-process
// channel. Waits for what it needs; no test looks at a clock.
#include "services/worker/worker_loop.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/testing/hanging_peer.h"

namespace nevus {
namespace {

using testing::ElementsAre;

// Reached only by a failure.
constexpr absl::Duration kPatience = absl::Seconds(60);

// Gives one lease a task of `AddTask`, records what comes, answers as told.
class FakeScheduler final : public v1::WorkerService::Service {
 public:
  using AnswerHeartbeat =
      std::function<absl::Status(const v1::HeartbeatRequest& request, int count,
                                 v1::HeartbeatResponse& response)>;

  grpc::Status LeaseTask(grpc::ServerContext* context,
                         const v1::LeaseTaskRequest* request,
                         v1::LeaseTaskResponse* response) override {
    MutexLock lock(mutex_);
    worker_ = request->worker();
    ++polls_;
    poll_deadline_ = absl::FromChrono(context->deadline());
    changed_.NotifyAll();
    while (tasks_ == 0 && !stopped_) changed_.Wait(mutex_);
    if (tasks_ == 0) return grpc::Status::OK;
    --tasks_;
    response->mutable_lease()->set_job("j-000000000001");
    response->mutable_lease()->set_fencing_token(++token_);
    // A heartbeat each 200 ms.
    response->mutable_lease_duration()->set_nanos(600'000'000);
    return grpc::Status::OK;
  }

  grpc::Status Heartbeat(grpc::ServerContext*,
                         const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override {
    MutexLock lock(mutex_);
    heartbeats_.push_back(*request);
    absl::Status status;
    if (answer_heartbeat_ != nullptr) {
      status = answer_heartbeat_(*request, static_cast<int>(heartbeats_.size()),
                                 *response);
    }
    changed_.NotifyAll();
    return ToGrpc(status);
  }

  grpc::Status FinishTask(grpc::ServerContext*,
                          const v1::FinishTaskRequest* request,
                          v1::FinishTaskResponse*) override {
    MutexLock lock(mutex_);
    finishes_.push_back(*request);
    heartbeats_at_finish_.push_back(heartbeats_.size());
    absl::Status status;
    if (!finish_answers_.empty()) {
      status = finish_answers_.front();
      finish_answers_.pop_front();
    }
    changed_.NotifyAll();
    return ToGrpc(status);
  }

  void AddTask() {
    MutexLock lock(mutex_);
    ++tasks_;
    changed_.NotifyAll();
  }
  void OnHeartbeat(AnswerHeartbeat answer) {
    MutexLock lock(mutex_);
    answer_heartbeat_ = std::move(answer);
  }
  void AnswerFinishes(std::deque<absl::Status> answers) {
    MutexLock lock(mutex_);
    finish_answers_ = std::move(answers);
  }
  void Stop() {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }

  // The first `count` of FinishTask's requests.
  std::vector<v1::FinishTaskRequest> AwaitFinishes(size_t count) {
    MutexLock lock(mutex_);
    AwaitLocked([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return finishes_.size() >= count;
    });
    return finishes_;
  }
  void AwaitHeartbeats(size_t count) {
    MutexLock lock(mutex_);
    AwaitLocked([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return heartbeats_.size() >= count;
    });
  }
  // When the last of the first `count` polls for work would end by itself.
  absl::Time AwaitPolls(int count) {
    MutexLock lock(mutex_);
    AwaitLocked([&]()
                    ABSL_NO_THREAD_SAFETY_ANALYSIS { return polls_ >= count; });
    return poll_deadline_;
  }
  std::vector<v1::HeartbeatRequest> heartbeats() {
    MutexLock lock(mutex_);
    return heartbeats_;
  }
  // How many heartbeats had come when the first FinishTask came.
  size_t heartbeats_at_first_finish() {
    MutexLock lock(mutex_);
    return heartbeats_at_finish_.at(0);
  }
  std::string worker() {
    MutexLock lock(mutex_);
    return worker_;
  }

 private:
  void AwaitLocked(const std::function<bool()>& reached)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const Stopwatch watch;
    while (!reached() && absl::Seconds(watch.Seconds()) < kPatience) {
      changed_.WaitFor(mutex_, absl::Seconds(1));
    }
    ASSERT_TRUE(reached()) << "the worker did not get there";
  }

  Mutex mutex_;
  CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int tasks_ ABSL_GUARDED_BY(mutex_) = 0;
  int polls_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time poll_deadline_ ABSL_GUARDED_BY(mutex_);
  int64_t token_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string worker_ ABSL_GUARDED_BY(mutex_);
  AnswerHeartbeat answer_heartbeat_ ABSL_GUARDED_BY(mutex_);
  std::deque<absl::Status> finish_answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::HeartbeatRequest> heartbeats_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::FinishTaskRequest> finishes_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> heartbeats_at_finish_ ABSL_GUARDED_BY(mutex_);
};

// Does what the test says.
class FakeHandler : public TaskHandler {
 public:
  using Work = std::function<absl::StatusOr<std::string>(TaskContext&)>;
  explicit FakeHandler(Work work) : work_(std::move(work)) {}
  v1::WorkerKind kind() const override { return v1::EXTRACTION; }
  absl::StatusOr<std::string> Run(const v1::TaskSpec&,
                                  TaskContext& context) override {
    return work_(context);
  }

 private:
  const Work work_;
};

// Computes on until it hears that it should not.
absl::Status WorkUntilCancelled(const TaskContext& context) {
  const StopSignal never;
  const Stopwatch watch;
  while (!context.cancelled()) {
    if (absl::Seconds(watch.Seconds()) > kPatience) {
      return absl::InternalError("nobody cancelled it");
    }
    never.WaitFor(absl::Milliseconds(1));
  }
  return absl::CancelledError("cancelled");
}

class WorkerLoopTest : public testing::Test {
 protected:
  WorkerLoopTest() : peers_(ServiceAddresses()) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&scheduler_);
    builder.RegisterService(&hanging_);
    server_ = builder.BuildAndStart();
    peers_.Host({"scheduler"}, *server_);
  }
  ~WorkerLoopTest() override { EndWorker(); }

  // Before what its handler refers to goes: at the end of a test whose handler
  // has a local variable.
  void EndWorker() {
    scheduler_.Stop();
    worker_ = nullptr;
  }

  void Start(FakeHandler::Work work, const std::string& name = "") {
    worker_ = std::make_unique<WorkerLoop>(
        peers_, std::make_unique<FakeHandler>(std::move(work)), name);
    worker_->Start();
    scheduler_.AddTask();
  }

  absl::StatusOr<std::string> AskInVain(TaskContext& context) {
    const auto peer = v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
    return CallPeer(*peer, &v1::JobService::Stub::GetJob, v1::GetJobRequest(),
                    context.calls())
        .status();
  }

  FakeScheduler scheduler_;
  HangingPeer hanging_;
  std::unique_ptr<grpc::Server> server_;
  Peers peers_;
  std::unique_ptr<WorkerLoop> worker_;
};

TEST_F(WorkerLoopTest, WhatTheTaskSaidIsThereBeforeItIsFinished) {
  Start([](TaskContext& context) {
    for (int i = 1; i <= 250; ++i) context.Log(std::to_string(i));
    v1::Progress progress;
    progress.set_done(7);
    for (int i = 0; i < 20; ++i) {
      v1::Metric& metric = *progress.add_metrics();
      metric.set_name("metric_" + std::to_string(i));
      metric.set_value(i / 4.0);
    }
    context.Report(progress);
    return "melanoma@1";
  });
  const v1::FinishTaskRequest finish = scheduler_.AwaitFinishes(1).at(0);
  EXPECT_EQ(finish.result(), "melanoma@1");
  EXPECT_EQ(finish.lease().fencing_token(), 1);
  EXPECT_EQ(finish.worker(), scheduler_.worker());
  const std::vector<v1::HeartbeatRequest> heartbeats = scheduler_.heartbeats();
  EXPECT_EQ(scheduler_.heartbeats_at_first_finish(), heartbeats.size());
  int64_t lines = 0;
  for (const v1::HeartbeatRequest& heartbeat : heartbeats) {
    if (heartbeat.log_lines().empty()) continue;
    EXPECT_EQ(heartbeat.first_log_line(), lines + 1);
    EXPECT_LE(heartbeat.log_lines_size(), 100);
    for (const std::string& line : heartbeat.log_lines()) {
      EXPECT_EQ(line, std::to_string(++lines));
    }
  }
  EXPECT_EQ(lines, 250);
  ASSERT_FALSE(heartbeats.empty());
  const v1::Progress& progress = heartbeats.back().progress();
  EXPECT_EQ(progress.done(), 7);
  ASSERT_EQ(progress.metrics_size(), 16);
  EXPECT_EQ(progress.metrics(15).name(), "metric_15");
  EXPECT_EQ(progress.metrics(15).value(), 3.75);
}

TEST_F(WorkerLoopTest, AStopEndsThePollForWork) {
  Start([](TaskContext&) { return "done"; });
  const absl::Time end = scheduler_.AwaitPolls(2);
  worker_->Stop();
  EXPECT_LT(Clock::Real().Now(), end);
}

TEST_F(WorkerLoopTest, ALineThatNobodyAnsweredComesAgainUnderItsNumber) {
  scheduler_.OnHeartbeat([](const v1::HeartbeatRequest&, int count,
                            v1::HeartbeatResponse&) {
    return count <= 2 ? absl::UnavailableError("starting") : absl::OkStatus();
  });
  Start([this](TaskContext& context) {
    context.Log("a");
    scheduler_.AwaitHeartbeats(2);
    context.Log("b");
    return "";
  });
  scheduler_.AwaitFinishes(1);
  const std::vector<v1::HeartbeatRequest> heartbeats = scheduler_.heartbeats();
  ASSERT_GE(heartbeats.size(), 3u);
  // Whether "b" came along with "a" or after it depends on the moment.
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(heartbeats[i].first_log_line(), 1);
    EXPECT_EQ(heartbeats[i].log_lines(0), "a");
  }
  const v1::HeartbeatRequest& last = heartbeats.back();
  EXPECT_EQ(last.first_log_line() + last.log_lines_size() - 1, 2);
  EXPECT_EQ(last.log_lines(last.log_lines_size() - 1), "b");
}

TEST_F(WorkerLoopTest, ATaskThatSaysNothingKeepsItsLeaseAndHearsOfCancel) {
  scheduler_.OnHeartbeat([](const v1::HeartbeatRequest&, int count,
                            v1::HeartbeatResponse& response) {
    response.set_cancelled(count == 3);
    return absl::OkStatus();
  });
  Start([](TaskContext& context) -> absl::StatusOr<std::string> {
    return WorkUntilCancelled(context);
  });
  const v1::FinishTaskRequest finish = scheduler_.AwaitFinishes(1).at(0);
  EXPECT_EQ(finish.error().code(),
            static_cast<int>(absl::StatusCode::kCancelled));
  EXPECT_EQ(scheduler_.heartbeats().size(), 3u);
  EXPECT_EQ(scheduler_.heartbeats()[0].lease().fencing_token(), 1);
}

TEST_F(WorkerLoopTest, CancelIsHeardWhileAPeerHangs) {
  scheduler_.OnHeartbeat([this](const v1::HeartbeatRequest&, int,
                                v1::HeartbeatResponse& response) {
    hanging_.AwaitCalls(1);
    response.set_cancelled(true);
    return absl::OkStatus();
  });
  Start([this](TaskContext& context) { return AskInVain(context); });
  EXPECT_EQ(scheduler_.AwaitFinishes(1).at(0).error().code(),
            static_cast<int>(absl::StatusCode::kCancelled));
}

TEST_F(WorkerLoopTest, AStopIsHeardWhileAPeerHangs) {
  Start([this](TaskContext& context) { return AskInVain(context); });
  hanging_.AwaitCalls(1);
  worker_->RequestStop();
  EXPECT_EQ(scheduler_.AwaitFinishes(1).at(0).error().code(),
            static_cast<int>(absl::StatusCode::kCancelled));
}

TEST_F(WorkerLoopTest, AWorkerThatLostItsLeaseDropsTheResultAndGoesOn) {
  const absl::Status lost =
      WithReason(absl::AbortedError("extraction-b has the task"), "LEASE_LOST");
  scheduler_.OnHeartbeat(
      [lost](const v1::HeartbeatRequest& request, int, v1::HeartbeatResponse&) {
        return request.lease().fencing_token() == 1 ? lost : absl::OkStatus();
      });
  scheduler_.AnswerFinishes({lost});
  Start([](TaskContext& context) -> absl::StatusOr<std::string> {
    if (context.lease().fencing_token() == 1) {
      return WorkUntilCancelled(context);
    }
    return "the next task";
  });
  scheduler_.AddTask();
  const std::vector<v1::FinishTaskRequest> finishes =
      scheduler_.AwaitFinishes(2);
  ASSERT_EQ(finishes.size(), 2u);
  EXPECT_EQ(finishes[0].lease().fencing_token(), 1);
  EXPECT_TRUE(finishes[0].has_error());
  EXPECT_EQ(finishes[1].lease().fencing_token(), 2);
  EXPECT_EQ(finishes[1].result(), "the next task");
}

TEST_F(WorkerLoopTest, SaysHowItWentUntilTheSchedulerCanKeepIt) {
  scheduler_.AnswerFinishes(
      {WithReason(absl::ResourceExhaustedError("no space"), "DISK_FULL"),
       absl::UnavailableError("starting"),
       absl::DeadlineExceededError("slow")});
  Start([](TaskContext&) { return "kept"; });
  const std::vector<v1::FinishTaskRequest> finishes =
      scheduler_.AwaitFinishes(4);
  for (const v1::FinishTaskRequest& finish : finishes) {
    EXPECT_EQ(finish.result(), "kept");
    EXPECT_EQ(finish.lease().fencing_token(), 1);
  }
  // The fourth was taken: the next task is another one.
  scheduler_.AddTask();
  EXPECT_EQ(scheduler_.AwaitFinishes(5).at(4).lease().fencing_token(), 2);
  // Heartbeats kept the lease meanwhile.
  EXPECT_GE(scheduler_.heartbeats().size(), 1u);
}

TEST_F(WorkerLoopTest, AnErrorKeepsItsCodeReasonAndMessage) {
  const std::vector<absl::Status> errors = {
      WithReason(absl::ResourceExhaustedError("no space"), "DISK_FULL"),
      WithReason(absl::DataLossError("the value of feature!ab is damaged"),
                 "VALUE_DAMAGED"),
      absl::InternalError("without a reason")};
  for (size_t i = 0; i < errors.size(); ++i) scheduler_.AddTask();
  size_t next = 0;
  Start([&](TaskContext&) -> absl::StatusOr<std::string> {
    return next < errors.size() ? absl::StatusOr<std::string>(errors[next++])
                                : "";
  });
  const std::vector<v1::FinishTaskRequest> finishes =
      scheduler_.AwaitFinishes(errors.size() + 1);
  for (size_t i = 0; i < errors.size(); ++i) {
    SCOPED_TRACE(errors[i].ToString());
    EXPECT_EQ(finishes[i].error().code(), static_cast<int>(errors[i].code()));
    EXPECT_EQ(finishes[i].error().reason(), ReasonOf(errors[i]));
    EXPECT_EQ(finishes[i].error().message(), errors[i].message());
  }
  EXPECT_EQ(finishes.back().result(), "");
  EndWorker();
}

TEST_F(WorkerLoopTest, ALibraryThatThrowsFailsTheTaskAndNotTheWorker) {
  scheduler_.AddTask();
  scheduler_.AddTask();
  int task = 0;
  Start([&](TaskContext&) -> absl::StatusOr<std::string> {
    if (++task == 1) throw std::bad_alloc();
    if (task == 2) throw std::runtime_error("bad tensor");
    return "well";
  });
  const std::vector<v1::FinishTaskRequest> finishes =
      scheduler_.AwaitFinishes(3);
  EXPECT_EQ(finishes[0].error().reason(), "OUT_OF_MEMORY");
  EXPECT_THAT(finishes[1].error().message(), testing::HasSubstr("bad tensor"));
  EXPECT_EQ(finishes[2].result(), "well");
  EndWorker();
}

TEST_F(WorkerLoopTest, AStopGivesTheTaskBack) {
  Start(
      [](TaskContext& context) -> absl::StatusOr<std::string> {
        return WorkUntilCancelled(context);
      },
      "extraction-named");
  scheduler_.AwaitHeartbeats(1);  // it works
  worker_->RequestStop();
  const v1::FinishTaskRequest finish = scheduler_.AwaitFinishes(1).at(0);
  EXPECT_EQ(finish.error().code(),
            static_cast<int>(absl::StatusCode::kCancelled));
  EXPECT_EQ(finish.worker(), "extraction-named");
  EXPECT_EQ(scheduler_.worker(), "extraction-named");
}

}  // namespace
}  // namespace nevus
