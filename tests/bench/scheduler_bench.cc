#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "tests/bench/benches.h"

namespace nevus {
namespace {

constexpr int kFirstSize = 1000;
constexpr int kPages = 50;
constexpr int kLeases = 200;
constexpr int kIdleWorkers = 500;
constexpr absl::Duration kSettle = absl::Seconds(6);
constexpr absl::Duration kIdleFor = absl::Seconds(10);
// As services/worker/worker_loop.cc does.
constexpr absl::Duration kPollWait = absl::Seconds(5);
constexpr absl::Duration kCallTimeout = absl::Minutes(1);

// The targets, from the issue that asked for them.
constexpr double kJobsPerSecond = 2000;
constexpr double kListMs = 20;
constexpr double kLeaseMs = 2;
constexpr double kStartSeconds = 10;
constexpr double kIdlePercent = 5;
// Beyond what runs differ by.
constexpr double kCostGrowth = 1.3;

// A connection of its own, as every worker and client process has.
std::shared_ptr<grpc::Channel> OwnChannel(const std::string& address) {
  grpc::ChannelArguments arguments = ChannelArguments();
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

// A call that waits for its connection, and not for ever.
void Prepare(grpc::ClientContext& context) {
  SetTimeout(context, kCallTimeout);
  context.set_wait_for_ready(true);
}

v1::SubmitJobRequest NewJob(int number, int tasks) {
  v1::SubmitJobRequest request;
  v1::Job& job = *request.mutable_job();
  job.set_kind(v1::TRAINING);
  job.set_title("train melanoma on isic@1");
  job.set_request_id(absl::StrCat("bench-", number));
  for (int i = 0; i < tasks; ++i) {
    v1::Task& task = *job.add_tasks();
    task.set_title(absl::StrCat("hidden=64 seed=", i));
    v1::TrainTask& train = *task.mutable_spec()->mutable_train();
    train.set_dataset("isic");
    train.set_version(1);
    train.set_space(std::string(64, 'a'));
    train.set_model("melanoma");
    train.set_positive("melanoma");
    train.set_hidden(64);
    train.set_seed(i);
  }
  return request;
}

// Jobs `from` to `to`, by all clients together; returns the seconds.
absl::StatusOr<double> Submit(const std::string& address, int from, int to,
                              const BenchOptions& options) {
  std::atomic<int> next{from};
  Mutex mutex;
  absl::Status first_error;
  const Stopwatch watch;
  std::vector<std::thread> clients;
  for (int i = 0; i < options.clients; ++i) {
    clients.emplace_back([&] {
      const auto stub = v1::JobService::NewStub(OwnChannel(address));
      for (int number = next++; number < to; number = next++) {
        grpc::ClientContext context;
        Prepare(context);
        v1::Job job;
        const absl::Status status = FromGrpc(
            stub->SubmitJob(&context, NewJob(number, options.tasks), &job));
        if (!status.ok()) {
          MutexLock lock(mutex);
          first_error.Update(status);
          return;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  RETURN_IF_ERROR(first_error);
  return watch.Seconds();
}

absl::StatusOr<std::vector<double>> ListMs(v1::JobService::Stub& stub) {
  std::vector<double> ms;
  v1::ListJobsRequest request;
  for (int i = 0; i < kPages; ++i) {
    grpc::ClientContext context;
    Prepare(context);
    v1::ListJobsResponse response;
    const Stopwatch watch;
    RETURN_IF_ERROR(FromGrpc(stub.ListJobs(&context, request, &response)));
    ms.push_back(1000 * watch.Seconds());
    request.set_page_token(response.next_page_token());
  }
  return ms;
}

absl::StatusOr<std::vector<double>> LeaseMs(v1::WorkerService::Stub& stub) {
  std::vector<double> ms;
  v1::LeaseTaskRequest request;
  request.set_worker("training-bench");
  request.set_kind(v1::TRAINING);
  for (int i = 0; i < kLeases; ++i) {
    grpc::ClientContext context;
    Prepare(context);
    v1::LeaseTaskResponse response;
    const Stopwatch watch;
    RETURN_IF_ERROR(FromGrpc(stub.LeaseTask(&context, request, &response)));
    if (!response.has_lease()) {
      return absl::InternalError("a queue full of jobs gave no lease");
    }
    ms.push_back(1000 * watch.Seconds());
  }
  return ms;
}

double CpuSeconds(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

// Of the whole process, and of these threads of it.
struct CpuUse {
  double process = 0;
  double threads = 0;
};

CpuUse CpuUsed(std::vector<std::thread>& threads) {
  CpuUse used;
  for (std::thread& thread : threads) {
    clockid_t clock = 0;
    if (pthread_getcpuclockid(thread.native_handle(), &clock) == 0) {
      used.threads += CpuSeconds(clock);
    }
  }
  used.process = CpuSeconds(CLOCK_PROCESS_CPUTIME_ID);
  return used;
}

// What workers that find nothing to do cost, in per cent of a core: the server,
// and all of them together on their own side.
struct IdleCost {
  double server = 0;
  double workers = 0;
};

IdleCost MeasureIdle(const std::string& address) {
  StopSignal stop;
  std::vector<std::thread> workers;
  for (int i = 0; i < kIdleWorkers; ++i) {
    workers.emplace_back([&, i] {
      const auto stub = v1::WorkerService::NewStub(OwnChannel(address));
      v1::LeaseTaskRequest request;
      request.set_worker(absl::StrCat("evaluation-bench-", i));
      request.set_kind(v1::EVALUATION);
      request.mutable_wait()->set_seconds(absl::ToInt64Seconds(kPollWait));
      while (!stop.stopped()) {
        grpc::ClientContext context;
        Prepare(context);
        v1::LeaseTaskResponse response;
        if (!stub->LeaseTask(&context, request, &response).ok()) {
          stop.WaitFor(kPollWait);
        }
      }
    });
  }
  stop.WaitFor(kSettle);
  const CpuUse before = CpuUsed(workers);
  const Stopwatch watch;
  stop.WaitFor(kIdleFor);
  const CpuUse after = CpuUsed(workers);
  const double per_cent = 100 / watch.Seconds();
  stop.Stop();
  for (std::thread& worker : workers) worker.join();
  const double theirs = after.threads - before.threads;
  return {per_cent * (after.process - before.process - theirs),
          per_cent * theirs};
}

std::vector<double> Over(const std::vector<double>& values, double target) {
  return Divide(values, std::vector<double>(values.size(), target));
}

std::vector<int> Sizes(int jobs) {
  std::vector<int> sizes;
  for (int size = kFirstSize; size < jobs; size *= 10) sizes.push_back(size);
  sizes.push_back(jobs);
  return sizes;
}

}  // namespace

absl::StatusOr<Report> BenchScheduler(const BenchOptions& options) {
  const TempDir logs;
  const std::string log = logs.path() + "/nevusd.log";
  const std::vector<int> sizes = Sizes(options.jobs);
  const int steps = static_cast<int>(sizes.size()) + 4;
  int done = 0;
  Report report;
  std::unique_ptr<BenchNode> node;
  {
    const LogToFile quiet(log);
    ASSIGN_OR_RETURN(node, BenchNode::StartAlone("scheduler"));
  }
  std::vector<double> first_cost, last_cost, rate;
  int submitted = 0;
  for (int size : sizes) {
    options.progress(done++, steps, absl::StrCat("submit up to ", size));
    const LogToFile quiet(log);
    ASSIGN_OR_RETURN(const double seconds,
                     Submit(node->address(), submitted, size, options));
    const int count = size - submitted;
    rate = {count / seconds};
    last_cost = {1e6 * seconds / count};
    if (first_cost.empty()) first_cost = last_cost;
    report.lanes.push_back({absl::StrCat("submit, ", size, " jobs queued"),
                            "jobs/s", nullptr, rate});
    report.lanes.push_back({absl::StrCat("cost of a job, ", size, " queued"),
                            "us", nullptr, last_cost});
    submitted = size;
  }
  const auto jobs = v1::JobService::NewStub(OwnChannel(node->address()));
  options.progress(done++, steps, "list");
  ASSIGN_OR_RETURN(const std::vector<double> list_ms, ListMs(*jobs));
  options.progress(done++, steps, "lease");
  std::vector<double> lease_ms;
  {
    const LogToFile quiet(log);
    const auto worker = v1::WorkerService::NewStub(OwnChannel(node->address()));
    ASSIGN_OR_RETURN(lease_ms, LeaseMs(*worker));
  }
  options.progress(done++, steps, "idle workers");
  const IdleCost idle_cost = MeasureIdle(node->address());
  const std::vector<double> idle = {idle_cost.server};
  options.progress(done++, steps, "start again");
  double start_s = 0;
  {
    const LogToFile quiet(log);
    ASSIGN_OR_RETURN(start_s, node->Restart());
  }
  const std::vector<double> start = {start_s};
  options.progress(done, steps, "done");

  report.lanes.push_back({"list a page of 50", "ms", nullptr, list_ms});
  report.lanes.push_back({"lease a task", "ms", nullptr, lease_ms});
  report.lanes.push_back(
      {"500 idle workers, the server", "% of a core", nullptr, idle});
  report.lanes.push_back({"500 idle workers, their own side",
                          "% of a core",
                          nullptr,
                          {idle_cost.workers}});
  report.lanes.push_back({"start again", "s", nullptr, start});
  report.ratios = {
      {"submit / 2000 jobs/s", Over(rate, kJobsPerSecond), 1.0, {}},
      {absl::StrCat("cost of a job, ", sizes.back(), " queued / ",
                    sizes.front(), " queued"),
       Divide(last_cost, first_cost),
       {},
       kCostGrowth},
      {"list a page / 20 ms", Over(list_ms, kListMs), {}, 1.0},
      {"lease a task / 2 ms", Over(lease_ms, kLeaseMs), {}, 1.0},
      {"idle workers / 5 % of a core", Over(idle, kIdlePercent), {}, 1.0},
      {"start again / 10 s", Over(start, kStartSeconds), {}, 1.0}};
  ASSIGN_OR_RETURN(report.facts, node->Facts());
  report.facts.emplace_back(
      "jobs", absl::StrCat(options.jobs, " of ", options.tasks, " tasks, ",
                           options.clients, " clients at a time"));
  return report;
}

}  // namespace nevus
