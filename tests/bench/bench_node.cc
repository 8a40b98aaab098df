#include "tests/bench/bench_node.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/clock.h"
#include "base/name.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/command.h"
#include "clients/nevus/output.h"
#include "protos/nevus/v1/system.grpc.pb.h"

namespace nevus {

absl::StatusOr<WeightsChoice> ParseWeights(const std::string& text) {
  absl::string_view seed_text = text;
  WeightsChoice weights;
  if (!absl::ConsumePrefix(&seed_text, "random:")) {
    weights.path = text;
    return weights;
  }
  uint64_t seed = 0;
  if (!absl::SimpleAtoi(seed_text, &seed)) {
    return UsageError(absl::StrCat("the seed in ", Quoted(text),
                                   " is no whole number; write random:0"));
  }
  weights.seed = seed;
  return weights;
}

absl::Status BenchNode::StartNode() {
  options_.data_dir = dir_.path();
  options_.listen = "127.0.0.1:0";
  ASSIGN_OR_RETURN(node_, Node::Start(options_));
  ASSIGN_OR_RETURN(client_, Client::Create(address()));
  return absl::OkStatus();
}

LogToFile::LogToFile(const std::string& path) : terminal_(dup(STDERR_FILENO)) {
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600);
  if (file >= 0) {
    dup2(file, STDERR_FILENO);
    close(file);
  }
}

LogToFile::~LogToFile() {
  dup2(terminal_, STDERR_FILENO);
  close(terminal_);
}

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::Start(
    int threads, int64_t serving_bytes) {
  auto bench = std::unique_ptr<BenchNode>(new BenchNode);
  bench->options_.serving_bytes = serving_bytes;
  bench->options_.compute_threads = threads;
  RETURN_IF_ERROR(bench->StartNode());
  return bench;
}

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::StartWorkers(
    int workers, int threads) {
  auto bench = std::unique_ptr<BenchNode>(new BenchNode);
  bench->options_.compute_threads = threads;
  bench->options_.workers["extraction"] = workers;
  RETURN_IF_ERROR(bench->StartNode());
  return bench;
}

absl::StatusOr<std::unique_ptr<BenchNode>> BenchNode::StartAlone(
    const std::string& service) {
  auto bench = std::unique_ptr<BenchNode>(new BenchNode);
  bench->options_.services = {service};
  bench->options_.workers.clear();
  RETURN_IF_ERROR(bench->StartNode());
  return bench;
}

absl::StatusOr<double> BenchNode::Restart() {
  client_.reset();
  node_.reset();
  const Stopwatch watch;
  RETURN_IF_ERROR(StartNode());
  return watch.Seconds();
}

std::string BenchNode::address() const {
  return absl::StrCat("127.0.0.1:", node_->port());
}

absl::Status BenchNode::ImportAndSeal(const std::string& dataset,
                                      const std::vector<ExampleFile>& files) {
  ASSIGN_OR_RETURN(const ImportSummary summary,
                   ImportExamples(*client_, dataset, files, nullptr));
  if (!summary.refused.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        summary.refused.size(), " images were refused, the first ",
        Quoted(summary.refused[0].id()), ": ", summary.refused[0].message(),
        "; a bench needs good ones"));
  }
  v1::SealDatasetRequest request;
  request.set_name(dataset);
  return client_->Call(&v1::DatasetService::Stub::SealDataset, request)
      .status();
}

absl::Status BenchNode::ImportNetwork(const WeightsChoice& weights,
                                      int input_size, const std::string& name) {
  v1::BackboneUpload upload;
  upload.set_name(name);
  upload.set_arch(weights.arch);
  upload.set_input_size(input_size);
  upload.set_normalization(weights.preprocessing);
  if (weights.seed) upload.set_random_seed(*weights.seed);
  return ImportBackbone(*client_, upload, weights.path, nullptr).status();
}

absl::StatusOr<v1::Job> BenchNode::Finish(const absl::StatusOr<v1::Job>& job) {
  RETURN_IF_ERROR(job.status());
  ASSIGN_OR_RETURN(v1::Job ended, WaitForJob(*client_, job->id(), nullptr));
  RETURN_IF_ERROR(JobError(ended));
  return ended;
}

absl::StatusOr<MachineFacts> BenchNode::Facts() {
  const auto stub = v1::SystemService::NewStub(ConnectTo(address()));
  grpc::ClientContext context;
  SetTimeout(context, absl::Minutes(1));
  v1::DiagnoseResponse machine;
  RETURN_IF_ERROR(
      FromGrpc(stub->Diagnose(&context, v1::DiagnoseRequest(), &machine)));
  MachineFacts facts = {
      {"processor", machine.cpu_model()},
      {"instruction sets", absl::StrJoin(machine.cpu_features(), " ")},
      {"threads", absl::StrCat(machine.compute_threads(), " on ",
                               machine.cpus(), " processors")},
      {"BLAS",
       absl::StrCat(machine.blas_library(), ", ",
                    FormatNumber(machine.blas_gflops(), 0), " GFLOP/s")},
      {"synced write",
       absl::StrCat(FormatNumber(1000 * machine.sync_seconds(), 2), " ms")}};
  for (const std::string& problem : machine.problems()) {
    facts.emplace_back("problem", problem);
  }
  return facts;
}

absl::StatusOr<MachineFacts> FactsOfThisMachine(int threads) {
  ASSIGN_OR_RETURN(const auto node, BenchNode::Start(threads));
  return node->Facts();
}

}  // namespace nevus
