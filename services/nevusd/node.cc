#include "services/nevusd/node.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/torch/device.h"
#include "services/extraction/extraction_handler.h"
#include "services/extraction/extraction_service.h"
#include "services/ingestion/ingestion_service.h"
#include "services/nevusd/system_service.h"
#include "services/nevusd/worker_command.h"
#include "services/registry/registry_service.h"
#include "services/runtime/process_metrics.h"
#include "services/scheduler/shell/scheduler_service.h"
#include "services/serving/serving_service.h"
#include "services/training/evaluation_handler.h"
#include "services/training/training_handler.h"
#include "services/training/training_service.h"
#include "services/worker/patient_handler.h"

namespace nevus {
namespace {

constexpr int kMaxWorkers = 64;
constexpr int kMaxRunning = 1000;

absl::StatusOr<std::unique_ptr<HostedService>> NewService(
    const std::string& name, const ServiceContext& context) {
  if (name == "ingestion") return NewIngestionService(context);
  if (name == "extraction") return NewExtractionService(context);
  if (name == "training") return NewTrainingService(context);
  if (name == "registry") return NewRegistryService(context);
  if (name == "serving") return NewServingService(context);
  if (name == "scheduler") return NewSchedulerService(context);
  return absl::InternalError(absl::StrCat("no service ", name));
}

std::unique_ptr<TaskHandler> NewHandler(const std::string& kind,
                                        const ServiceContext& context) {
  const Peers& peers = *context.peers;
  return NewPatientHandler(
      kind == "extraction"
          ? NewExtractionHandler(peers, context.compute_threads, context.device)
      : kind == "training" ? NewTrainingHandler(peers)
                           : NewEvaluationHandler(peers));
}

// "KIND=N,..." or "none", for --`flag`.
absl::StatusOr<std::map<std::string, int>> ParseKinds(const std::string& flag,
                                                      const std::string& text,
                                                      int least, int most) {
  std::map<std::string, int> counts;
  if (text == "none") return counts;
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(text, ','))) {
    const std::pair<std::string, std::string> halves =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    int count = 0;
    const bool known = halves.first == "extraction" ||
                       halves.first == "training" ||
                       halves.first == "evaluation";
    if (!known || !absl::SimpleAtoi(halves.second, &count) || count < least ||
        count > most) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "bad ", flag, " ", Quoted(part),
              "; write none, or KIND=N,... with N from ", least, " to ", most,
              " and KIND extraction, training or evaluation")),
          absl::AsciiStrToUpper(flag) + "_INVALID");
    }
    counts[halves.first] = count;
  }
  return counts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ParseServices(
    const std::string& text) {
  const std::vector<std::string>& all = ServiceNames();
  if (text == "all") return all;
  if (text == "none") return std::vector<std::string>();
  std::vector<std::string> services = absl::StrSplit(text, ',');
  for (const std::string& service : services) {
    if (std::find(all.begin(), all.end(), service) == all.end()) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "unknown service ", Quoted(service),
              "; give all, none or some of ", absl::StrJoin(all, ","))),
          "SERVICE_UNKNOWN");
    }
  }
  return services;
}

absl::StatusOr<std::map<std::string, int>> ParseWorkers(
    const std::string& text) {
  return ParseKinds("workers", text, 0, kMaxWorkers);
}

absl::StatusOr<std::map<std::string, int>> ParseMaxRunning(
    const std::string& text) {
  return ParseKinds("max_running", text, 1, kMaxRunning);
}

absl::StatusOr<std::unique_ptr<Node>> Node::Start(const NodeOptions& options) {
  RETURN_IF_ERROR(CheckDevice(options.device));
  RETURN_IF_ERROR(CheckListenAddress(options.listen));
  auto node = std::unique_ptr<Node>(new Node);
  node->options_ = options;
  std::error_code error;
  std::filesystem::create_directories(options.data_dir, error);
  if (error) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "cannot make the data directory ",
                          Quoted(options.data_dir), ": ", error.message())),
                      "DATA_DIR_UNUSABLE");
  }
  node->peers_ = std::make_unique<Peers>(options.peers);
  ServiceContext context;
  context.data_dir = options.data_dir;
  context.peers = node->peers_.get();
  context.clock = &Clock::Real();
  context.compute_threads =
      options.compute_threads > 0
          ? options.compute_threads
          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (options.device != "cpu") context.device = options.device;
  context.job_limits = options.job_limits;
  context.serving_bytes = options.serving_bytes;
  context.predictions = options.predictions;
  node->metrics_ = context.metrics;
  AddProcessMetrics(*node->metrics_);
  for (const std::string& name : options.services) {
    ASSIGN_OR_RETURN(node->services_[name], NewService(name, context));
  }
  std::map<std::string, HostedService*> hosted;
  for (const auto& [name, service] : node->services_) {
    hosted[name] = service.get();
  }
  node->services_["system"] =
      NewSystemService(context, hosted, options.workers);
  hosted["system"] = node->services_["system"].get();
  Server::Options server_options;
  server_options.listen = options.listen;
  ASSIGN_OR_RETURN(node->server_, Server::Start(server_options, hosted));
  node->peers_->Host(options.services, node->server_->grpc_server());
  for (const auto& [name, service] : node->services_) service->Start();
  if (!options.metrics.empty()) {
    ASSIGN_OR_RETURN(node->metrics_server_,
                     MetricsServer::Start(options.metrics, *node->metrics_));
  }
  if (options.isolate_workers) {
    node->StartWorkerProcesses(context.compute_threads);
  } else {
    node->StartWorkers(context);
  }
  Log("nevusd.serving")
      .With("listen", options.listen)
      .With("port", node->port())
      .With("metrics_port", node->metrics_port())
      .With("data", options.data_dir)
      .With("services", absl::StrJoin(options.services, ","))
      .With("workers",
            absl::StrJoin(options.workers, ",", absl::PairFormatter("=")))
      .With("threads", context.compute_threads)
      .With("device", options.device);
  return node;
}

Node::~Node() { Shutdown(); }

void Node::StartWorkers(const ServiceContext& context) {
  for (const auto& [kind, count] : options_.workers) {
    for (int i = 0; i < count; ++i) {
      workers_.push_back(std::make_unique<WorkerLoop>(
          *peers_, NewHandler(kind, context), options_.worker_name));
      workers_.back()->Start();
    }
  }
}

void Node::StartWorkerProcesses(int threads) {
  WorkerCommandOptions command;
  command.data_dir = options_.data_dir;
  command.listen = options_.listen;
  command.port = port();
  command.services = options_.services;
  command.peers = options_.peers;
  command.threads = threads;
  command.more = options_.worker_flags;
  for (const auto& [kind, count] : options_.workers) {
    for (int i = 1; i <= count; ++i) {
      WorkerProcessOptions options;
      options.kind = kind;
      options.program = kWorkerProgram;
      options.drain = options_.drain;
      options.command = [command, kind = kind, i](const std::string& worker) {
        return WorkerCommand(command, kind, i, worker);
      };
      worker_processes_.push_back(
          std::make_unique<WorkerProcess>(*peers_, std::move(options)));
      worker_processes_.back()->Start();
    }
  }
}

void Node::Shutdown() {
  if (server_ == nullptr) return;
  Log("nevusd.draining").With("port", port());
  const Stopwatch since_signal;
  server_->StopServing();
  // First the workers: they speak to the services until their last task is
  // given back.
  for (const auto& worker : workers_) worker->RequestStop();
  for (const auto& worker : worker_processes_) worker->RequestStop();
  workers_.clear();
  worker_processes_.clear();
  for (const auto& [name, service] : services_) service->Stop();
  server_->Shutdown(
      std::max(absl::ZeroDuration(),
               options_.drain - absl::Seconds(since_signal.Seconds())));
  server_.reset();
  // Before what it reads.
  metrics_server_.reset();
  services_.clear();
  Log("nevusd.stopped");
}

}  // namespace nevus
