// nevusd: the server of Nevus. One program, one directory.
//
//   nevusd --data nevus-data --listen 127.0.0.1:7700
//
// hosts every service and one worker of each kind. --services, --workers and
// --peers spread them over processes: a service reaches the others where
// --peers says; --isolate_workers gives each worker a process that this one
// watches. SIGTERM or SIGINT: health turns NOT_SERVING, workers give their
// tasks back, running calls finish, everything is closed. Nothing acknowledged
// is lost by any other death either.

#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "base/version.h"
#include "services/nevusd/node.h"

ABSL_FLAG(std::string, data, "",
          "Required. The directory that everything is kept in; made if it is "
          "not there.");
ABSL_FLAG(std::string, listen, "127.0.0.1:7700",
          "HOST:PORT to serve on; port 0 takes a free one. Loopback only.");
ABSL_FLAG(std::string, services, "all",
          "Services to host: all, none, or some of ingestion, extraction, "
          "training, registry, serving, scheduler.");
ABSL_FLAG(std::string, workers, "extraction=1,training=1,evaluation=1",
          "Workers to run: KIND=N,... or none.");
ABSL_FLAG(bool, isolate_workers, false,
          "Run each worker as a child process that is watched: one that dies, "
          "of memory perhaps, takes nothing along, its job says why, and "
          "another is started.");
ABSL_FLAG(std::string, worker_name, "",
          "What the only worker is called; --isolate_workers gives it to its "
          "children.");
ABSL_FLAG(std::string, peers, "",
          "Where the other services are: HOST:PORT for all, or "
          "SERVICE=HOST:PORT,...");
ABSL_FLAG(int, threads, 0,
          "Threads that one extraction, training or prediction computes with; "
          "0: one a processor.");
ABSL_FLAG(std::string, device, "cpu",
          "cpu, or the GPU that the precisions cuda_fp32 and cuda_bf16 are "
          "computed on: cuda:N, with a LibTorch that was built with CUDA.");
ABSL_FLAG(std::string, max_running, "none",
          "Jobs of a kind that run at a time, for the scheduler: KIND=N,... or "
          "none for no limit.");
ABSL_FLAG(int64_t, keep_jobs, std::numeric_limits<int64_t>::max(),
          "Ended jobs that the scheduler keeps, those that ended last; by "
          "default all.");
ABSL_FLAG(absl::Duration, keep_jobs_for, absl::InfiniteDuration(),
          "How long the scheduler keeps ended jobs, such as 720h.");
ABSL_FLAG(int64_t, serving_memory_mib, 2048,
          "Memory that loaded models may take, in MiB, before those that no "
          "alias points at are unloaded, the one used longest ago first.");
ABSL_FLAG(int64_t, keep_predictions, nevus::PredictionKeeping().keep,
          "Predictions that serving keeps in its log, the newest.");
ABSL_FLAG(absl::Duration, keep_predictions_for,
          nevus::PredictionKeeping().keep_for,
          "How long serving keeps predictions in its log.");
ABSL_FLAG(bool, log_images, false,
          "Keep the images of predictions in the log too, not only their "
          "digests: pixels of patients, as long as their predictions.");
ABSL_FLAG(std::string, metrics, "",
          "HOST:PORT to serve Prometheus metrics on, at /metrics; port 0 takes "
          "a free one, which the log says. Loopback only; by default none are "
          "served.");
ABSL_FLAG(absl::Duration, drift_window, absl::Hours(7 * 24),
          "How far back the drift of predictions is looked at, for metrics.");
ABSL_FLAG(absl::Duration, drain, absl::Seconds(20),
          "How long running calls may take to finish after SIGTERM.");
ABSL_FLAG(std::string, log_format, "text",
          "How logs are written: text or json.");
ABSL_FLAG(std::string, port_file, "",
          "A file to write the port to, once it is served.");

namespace nevus {
namespace {

constexpr int kUsageError = 2;

// How workers are run; REQUIRES: options.workers.
absl::Status ReadWorkerFlags(NodeOptions& options) {
  options.isolate_workers = absl::GetFlag(FLAGS_isolate_workers);
  options.worker_flags = {
      absl::StrCat("--log_format=", absl::GetFlag(FLAGS_log_format)),
      absl::StrCat("--device=", absl::GetFlag(FLAGS_device)),
      absl::StrCat("--drain=",
                   absl::FormatDuration(absl::GetFlag(FLAGS_drain)))};
  options.worker_name = absl::GetFlag(FLAGS_worker_name);
  if (options.worker_name.empty()) return absl::OkStatus();
  int count = 0;
  for (const auto& [kind, workers] : options.workers) count += workers;
  if (count != 1 || options.isolate_workers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--worker_name names the only worker of a process, which has ", count,
        options.isolate_workers ? " as children" : "",
        "; give --workers KIND=1 without --isolate_workers, or no name"));
  }
  return CheckName("worker", options.worker_name);
}

absl::StatusOr<NodeOptions> ReadFlags() {
  NodeOptions options;
  options.data_dir = absl::GetFlag(FLAGS_data);
  if (options.data_dir.empty()) {
    return absl::InvalidArgumentError(
        "--data is missing; give a directory, such as --data nevus-data");
  }
  options.listen = absl::GetFlag(FLAGS_listen);
  ASSIGN_OR_RETURN(options.services,
                   ParseServices(absl::GetFlag(FLAGS_services)));
  ASSIGN_OR_RETURN(options.workers, ParseWorkers(absl::GetFlag(FLAGS_workers)));
  RETURN_IF_ERROR(ReadWorkerFlags(options));
  ASSIGN_OR_RETURN(options.peers,
                   ServiceAddresses::Parse(absl::GetFlag(FLAGS_peers)));
  options.compute_threads = absl::GetFlag(FLAGS_threads);
  if (options.compute_threads < 0 || options.compute_threads > 1024) {
    return absl::InvalidArgumentError("--threads goes from 0 to 1024");
  }
  options.device = absl::GetFlag(FLAGS_device);
  ASSIGN_OR_RETURN(options.job_limits.max_running,
                   ParseMaxRunning(absl::GetFlag(FLAGS_max_running)));
  options.job_limits.keep_jobs = absl::GetFlag(FLAGS_keep_jobs);
  options.job_limits.keep_jobs_for = absl::GetFlag(FLAGS_keep_jobs_for);
  if (options.job_limits.keep_jobs < 0 ||
      options.job_limits.keep_jobs_for < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "--keep_jobs and --keep_jobs_for are 0 or more");
  }
  const int64_t serving_mib = absl::GetFlag(FLAGS_serving_memory_mib);
  if (serving_mib < 0 || serving_mib > (int64_t{1} << 24)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--serving_memory_mib ", serving_mib,
                     " is no size; give 0 to ", int64_t{1} << 24));
  }
  options.serving_bytes = serving_mib << 20;
  options.predictions.keep = absl::GetFlag(FLAGS_keep_predictions);
  options.predictions.keep_for = absl::GetFlag(FLAGS_keep_predictions_for);
  options.predictions.log_images = absl::GetFlag(FLAGS_log_images);
  if (options.predictions.keep < 0 ||
      options.predictions.keep_for < absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "--keep_predictions and --keep_predictions_for are 0 or more");
  }
  options.metrics = absl::GetFlag(FLAGS_metrics);
  options.predictions.drift_window = absl::GetFlag(FLAGS_drift_window);
  options.drain = absl::GetFlag(FLAGS_drain);
  const std::string log_format = absl::GetFlag(FLAGS_log_format);
  if (log_format != "text" && log_format != "json") {
    return absl::InvalidArgumentError(
        absl::StrCat("--log_format is text or json, not \"", log_format, "\""));
  }
  SetLogFormat(log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  return options;
}

// The first argument that names no flag, or "". Abseil would end with 1, and
// without a word of where help is.
std::string UnknownFlag(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const absl::string_view arg = argv[i];
    if (arg == "--") break;
    if (!absl::StartsWith(arg, "--")) continue;
    absl::string_view name = arg.substr(2, arg.find('=') - 2);
    if (absl::FindCommandLineFlag(name) != nullptr) continue;
    // --noisolate_workers.
    if (absl::ConsumePrefix(&name, "no") &&
        absl::FindCommandLineFlag(name) != nullptr) {
      continue;
    }
    return std::string(arg);
  }
  return "";
}

// Each connection is an open file, and shells begin with 1024: as many as the
// system lets this process have, up to a million.
void RaiseOpenFiles() {
  constexpr rlim_t kEnough = 1 << 20;
  rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const rlim_t most = std::min(files.rlim_max, kEnough);
  if (files.rlim_cur >= most) return;
  files.rlim_cur = most;
  setrlimit(RLIMIT_NOFILE, &files);
}

int Run() {
  const absl::StatusOr<NodeOptions> options = ReadFlags();
  if (!options.ok()) {
    std::cerr << "nevusd: " << options.status().message()
              << "\nTry nevusd --help.\n";
    return kUsageError;
  }
  RaiseOpenFiles();
  // Ends of children are waited for, whatever our own parent ignored.
  ::signal(SIGCHLD, SIG_DFL);
  // Before any thread starts, so that all of them leave the signals to sigwait.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto node = Node::Start(*options);
  if (!node.ok()) {
    std::cerr << "nevusd: " << node.status().message() << "\n";
    return 1;
  }
  if (const std::string path = absl::GetFlag(FLAGS_port_file); !path.empty()) {
    // Renamed into place: a reader sees the whole number or no file.
    const std::string temporary = path + ".new";
    std::ofstream(temporary) << (*node)->port() << "\n";
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {
      std::cerr << "nevusd: cannot write --port_file " << path << "\n";
      return 1;
    }
  }
  int signal = 0;
  sigwait(&signals, &signal);
  Log("nevusd.signal").With("signal", signal);
  (*node)->Shutdown();
  return 0;
}

}  // namespace
}  // namespace nevus

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "The server of Nevus.\n\n"
      "  nevusd --data nevus-data --listen 127.0.0.1:7700\n\n"
      "Every service and one worker of each kind in one process. The same "
      "over\n"
      "two processes:\n\n"
      "  nevusd --data a --listen 127.0.0.1:7700 --workers none\n"
      "  nevusd --data b --listen 127.0.0.1:7701 --services none \\\n"
      "         --workers extraction=1,training=1,evaluation=1 \\\n"
      "         --peers 127.0.0.1:7700\n\n"
      "Workers as child processes, so that one that runs out of memory ends\n"
      "alone and its job says why:\n\n"
      "  nevusd --data nevus-data --isolate_workers\n\n"
      "Research use only; not a medical device.");
  absl::FlagsUsageConfig usage;
  usage.contains_helpshort_flags = [](absl::string_view file) {
    return absl::StrContains(file, "services/nevusd/");
  };
  usage.contains_help_flags = usage.contains_helpshort_flags;
  usage.version_string = [] {
    return absl::StrCat("nevusd ", nevus::kVersion, "\n");
  };
  absl::SetFlagsUsageConfig(usage);
  if (const std::string unknown = nevus::UnknownFlag(argc, argv);
      !unknown.empty()) {
    std::cerr << "nevusd: there is no flag \"" << unknown
              << "\". Try nevusd --help.\n";
    return nevus::kUsageError;
  }
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::cerr << "nevusd: unexpected argument \"" << rest[1]
              << "\"; flags are written --name value. Try nevusd --help.\n";
    return nevus::kUsageError;
  }
  return nevus::Run();
}
