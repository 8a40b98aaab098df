#include "services/registry/checkpoint_pruner.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

absl::Status Unknown() {
  return WithReason(absl::NotFoundError("there is no such job"),
                    "JOB_NOT_FOUND");
}

// Answers by the job's id as it is told; of others it knows nothing.
class FakeScheduler final : public v1::JobService::Service {
 public:
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    MutexLock lock(mutex_);
    asked_ = request->id();
    changed_.NotifyAll();
    const auto found = answers_.find(request->id());
    response->set_id(request->id());
    return ToGrpc(found == answers_.end() ? Unknown() : found->second);
  }
  void Answer(const std::string& job, const absl::Status& status) {
    MutexLock lock(mutex_);
    answers_[job] = status;
  }
  void AwaitQuestionFor(const std::string& job) {
    MutexLock lock(mutex_);
    while (asked_ != job) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::string asked_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> answers_ ABSL_GUARDED_BY(mutex_);
};

class CheckpointPrunerTest : public testing::Test {
 protected:
  CheckpointPrunerTest() : models_(store_), peers_(ServiceAddresses()) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&scheduler_);
    server_ = builder.BuildAndStart();
    peers_.Host({"scheduler"}, *server_);
    for (const char* job : {"j-1", "j-2", "j-3"}) {
      for (int task : {0, 11}) {
        v1::Lease lease;
        lease.set_job(job);
        lease.set_task(task);
        lease.set_fencing_token(1);
        v1::Checkpoint checkpoint;
        checkpoint.set_training("so far");
        EXPECT_THAT(models_.WriteCheckpoint(checkpoint, lease), IsOk());
      }
    }
  }

  std::vector<std::string> Kept() {
    return models_.JobsWithCheckpoints().value();
  }
  absl::Status Drop() {
    return DropForgottenCheckpoints(models_, peers_, nullptr);
  }

  MemoryStore store_;
  ModelStore models_;
  FakeScheduler scheduler_;
  std::unique_ptr<grpc::Server> server_;
  Peers peers_;
};

TEST_F(CheckpointPrunerTest, OnlyThoseOfJobsThatAreGoneAreDropped) {
  scheduler_.Answer("j-1", absl::OkStatus());
  scheduler_.Answer("j-3", absl::OkStatus());
  ASSERT_THAT(Drop(), IsOk());
  EXPECT_THAT(Kept(), ElementsAre("j-1", "j-3"));
  EXPECT_THAT(models_.ReadCheckpoint("j-1", 11), IsOk());
  for (int task : {0, 11}) {
    EXPECT_THAT(models_.ReadCheckpoint("j-2", task),
                StatusIs(StatusCode::kNotFound, "j-2"));
  }
}

TEST_F(CheckpointPrunerTest, ASchedulerThatIsAwayKnowsThemAll) {
  scheduler_.Answer("j-1", absl::UnavailableError("starting"));
  EXPECT_THAT(Drop(), StatusIs(StatusCode::kUnavailable, "starting"));
  // What is not found otherwise: another server, a proxy.
  scheduler_.Answer("j-1", absl::NotFoundError("no such page"));
  EXPECT_THAT(Drop(), StatusIs(StatusCode::kNotFound, "page"));
  EXPECT_THAT(Kept(), ElementsAre("j-1", "j-2", "j-3"));
}

TEST_F(CheckpointPrunerTest, ItBeginsWithItsStart) {
  scheduler_.Answer("j-3", absl::OkStatus());
  CheckpointPruner pruner(models_, peers_);
  pruner.Start();
  scheduler_.AwaitQuestionFor("j-3");
  pruner.Stop();
  EXPECT_THAT(Kept(), ElementsAre("j-3"));
}

}  // namespace
}  // namespace nevus
