// The watch over a worker's process, with small shell programs as workers and a
// scheduler that records what it is told.
#include "services/worker/worker_process.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/worker/child_process.h"

namespace nevus {
namespace {

using testing::HasSubstr;

// Reached only by a failure.
constexpr absl::Duration kPatience = absl::Seconds(60);

class FakeScheduler final : public v1::WorkerService::Service {
 public:
  grpc::Status ReportWorkerDeath(grpc::ServerContext*,
                                 const v1::ReportWorkerDeathRequest* request,
                                 v1::ReportWorkerDeathResponse*) override {
    MutexLock lock(mutex_);
    reports_.push_back(*request);
    changed_.NotifyAll();
    if (static_cast<int>(reports_.size()) <= unavailable_) {
      return ToGrpc(absl::UnavailableError("starting"));
    }
    return grpc::Status::OK;
  }

  void BeAwayFor(int reports) {
    MutexLock lock(mutex_);
    unavailable_ = reports;
  }
  // The reports, once there are `count`.
  std::vector<v1::ReportWorkerDeathRequest> Await(size_t count) {
    const Stopwatch watch;
    MutexLock lock(mutex_);
    while (reports_.size() < count &&
           absl::Seconds(watch.Seconds()) < kPatience) {
      changed_.WaitFor(mutex_, absl::Seconds(1));
    }
    EXPECT_GE(reports_.size(), count);
    return reports_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int unavailable_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<v1::ReportWorkerDeathRequest> reports_ ABSL_GUARDED_BY(mutex_);
};

class WorkerProcessTest : public testing::Test {
 protected:
  WorkerProcessTest() : peers_(ServiceAddresses()) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&scheduler_);
    server_ = builder.BuildAndStart();
    peers_.Host({"scheduler"}, *server_);
  }

  // A worker that is this shell script; $0 is its name.
  std::unique_ptr<WorkerProcess> Watch(const std::string& script,
                                       absl::Duration drain = kPatience) {
    WorkerProcessOptions options;
    options.kind = "extraction";
    options.program = "/bin/sh";
    options.command = [this, script](const std::string& worker) {
      MutexLock lock(mutex_);
      lives_.push_back(worker);
      changed_.NotifyAll();
      return std::vector<std::string>{"sh", "-c", script, worker};
    };
    options.backoff.first = absl::Milliseconds(1);
    options.drain = drain;
    auto process = std::make_unique<WorkerProcess>(peers_, std::move(options));
    process->Start();
    return process;
  }

  std::vector<std::string> AwaitLives(size_t count) {
    const Stopwatch watch;
    MutexLock lock(mutex_);
    while (lives_.size() < count &&
           absl::Seconds(watch.Seconds()) < kPatience) {
      changed_.WaitFor(mutex_, absl::Seconds(1));
    }
    EXPECT_GE(lives_.size(), count);
    return lives_;
  }

  FakeScheduler scheduler_;
  std::unique_ptr<grpc::Server> server_;
  Peers peers_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> lives_ ABSL_GUARDED_BY(mutex_);
};

TEST(DescribeEndTest, NamesTheSignalOrTheCode) {
  // Wait statuses as Linux builds them: the signal, or the code times 256.
  const struct {
    int status;
    const char* how;
  } cases[] = {
      {0, ""},
      {3 << 8, "exited with code 3"},
      {SIGSEGV, "killed by signal 11 (SIGSEGV)"},
      {SIGABRT | 0x80, "killed by signal 6 (SIGABRT)"},  // with a core
      {SIGKILL,
       "killed by signal 9 (SIGKILL); the kernel does that when memory runs "
       "out: give it more or use fewer workers"},
      {40, "killed by signal 40"},  // a real-time signal has no name
  };
  for (const auto& c : cases) EXPECT_EQ(DescribeEnd(c.status), c.how);
}

TEST(RestartBackoffTest, DoublesToItsMostAndBeginsAnewAfterAHealthyLife) {
  RestartBackoff backoff;
  std::vector<int64_t> seconds;
  for (int i = 0; i < 7; ++i) {
    seconds.push_back(absl::ToInt64Seconds(backoff.Next(absl::Seconds(59))));
  }
  EXPECT_THAT(seconds, testing::ElementsAre(1, 2, 4, 8, 16, 30, 30));
  EXPECT_EQ(backoff.Next(absl::Seconds(60)), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(absl::ZeroDuration()), absl::Seconds(2));
}

TEST_F(WorkerProcessTest,
       EachDeathIsReportedWithTheSignalAndTheNextLifeBegins) {
  const auto process = Watch("kill -9 $$");
  const auto reports = scheduler_.Await(3);
  const std::vector<std::string> lives = AwaitLives(4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reports[i].worker(), lives[i]);
    EXPECT_THAT(reports[i].how(), HasSubstr("signal 9 (SIGKILL)"));
  }
  EXPECT_EQ(std::set<std::string>(lives.begin(), lives.end()).size(),
            lives.size());
  EXPECT_THAT(lives[0], testing::StartsWith("extraction-"));
}

TEST_F(WorkerProcessTest, ABadExitIsReportedUntilTheSchedulerAnswers) {
  scheduler_.BeAwayFor(2);
  const auto process = Watch("exit 3");
  const auto reports = scheduler_.Await(4);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(reports[i].worker(), reports[0].worker());
    EXPECT_EQ(reports[i].how(), "exited with code 3");
  }
  EXPECT_NE(reports[3].worker(), reports[0].worker());
}

TEST_F(WorkerProcessTest, AGoodExitIsNoDeathButBeginsTheNextLife) {
  const auto process = Watch("exit 0");
  AwaitLives(3);
  process->Stop();
  EXPECT_TRUE(scheduler_.Await(0).empty());
}

TEST_F(WorkerProcessTest, StopEndsTheChildWithSigtermAndReportsNothing) {
  // Ends by SIGTERM only; the drain's length is as good as for ever.
  const auto process = Watch("exec tail -f /dev/null");
  AwaitLives(1);
  process->Stop();
  EXPECT_EQ(AwaitLives(1).size(), 1u);
  EXPECT_TRUE(scheduler_.Await(0).empty());
}

TEST_F(WorkerProcessTest, AChildThatDoesNotHearIsKilledWhenTheDrainIsOver) {
  const auto process =
      Watch("trap '' TERM; exec tail -f /dev/null", absl::ZeroDuration());
  AwaitLives(1);
  process->Stop();
  EXPECT_TRUE(scheduler_.Await(0).empty());
}

TEST(ChildProcessTest, AProgramThatIsNotThereIsABadExit) {
  const auto child = ChildProcess::Start("/no/such/program", {"program"});
  ASSERT_THAT(child, IsOk());
  EXPECT_EQ((*child)->Wait(), "exited with code 127");
}

TEST(ChildProcessTest, HasNoFileOfOursBesideTheStandardOnes) {
  // Opened without close-on-exec, as a library might.
  FILE* const ours = fopen("/dev/null", "r");
  const auto child = ChildProcess::Start(
      "/bin/sh",
      {"sh", "-c", absl::StrCat("test ! -e /proc/self/fd/", fileno(ours))});
  ASSERT_THAT(child, IsOk());
  EXPECT_EQ((*child)->Wait(), "");
  fclose(ours);
  (*child)->Signal(SIGKILL);  // after its end: nobody else is hit
  EXPECT_EQ((*child)->Wait(), "");
}

}  // namespace
}  // namespace nevus
