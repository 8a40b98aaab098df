#include "services/nevusd/system_service.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/version.h"
#include "compute/backbone/cpu.h"
#include "compute/torch/blas.h"
#include "protos/nevus/v1/system.grpc.pb.h"

namespace nevus {
namespace {

// Below these a real job is likely to end for want of space.
constexpr int64_t kLowMemoryBytes = int64_t{2} << 30;
constexpr int64_t kLowDiskBytes = int64_t{5} << 30;
// A disk that takes longer makes every acknowledged write slow.
constexpr double kSlowSyncSeconds = 0.05;

// How far a verification goes between two answers.
constexpr int64_t kValuesInAnswer = 10'000;
constexpr int64_t kBytesInAnswer = int64_t{64} << 20;
// The contract's limit (VerifyResponse.damaged).
constexpr int kMostDamage = 1000;

// The value after "key :" in a file of /proc, or "".
std::string ProcValue(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const std::pair<std::string, std::string> halves =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(halves.first) == key) {
      return std::string(absl::StripAsciiWhitespace(halves.second));
    }
  }
  return "";
}

// With family and model, because clouds' processors call themselves alike.
std::string CpuModel() {
  const auto value = [](const char* key) {
    return ProcValue("/proc/cpuinfo", key);
  };
  return absl::StrCat(value("model name"), " (family ", value("cpu family"),
                      ", model ", value("model"), ")");
}

// A value such as "24050000 kB" of /proc/meminfo, in bytes; 0 if it is not
// there.
int64_t MemInfoBytes(const std::string& key) {
  const std::string text = ProcValue("/proc/meminfo", key);
  int64_t kilobytes = 0;
  if (!absl::SimpleAtoi(text.substr(0, text.find(' ')), &kilobytes)) return 0;
  return kilobytes << 10;
}

int CpuCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

// Median of five synced 4 KiB writes to a file of its own; negative if it
// cannot be written.
double MeasureSyncSeconds(const std::string& directory) {
  const std::string path = directory + "/doctor.tmp";
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (file < 0) return -1;
  const std::string block(4096, 'x');
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const Stopwatch watch;
    if (write(file, block.data(), block.size()) !=
            static_cast<ssize_t>(block.size()) ||
        fdatasync(file) != 0) {
      break;
    }
    seconds.push_back(watch.Seconds());
  }
  close(file);
  unlink(path.c_str());
  if (seconds.size() < 5) return -1;
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

int64_t BytesBelow(const std::string& dir) {
  int64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
    const auto size = entry.file_size(error);
    if (!error) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

// Sends how far a verification is: now and then, and at once what is damaged.
class DamageReport {
 public:
  explicit DamageReport(grpc::ServerWriter<v1::VerifyResponse>& writer)
      : writer_(writer) {}

  // False if the caller has gone.
  bool Add(const VerifyProgress& progress) {
    const bool is_told = !progress.damage.empty() && told_ < kMostDamage;
    if (is_told) {
      ++told_;
      next_.add_damaged(progress.damage);
    }
    last_ = progress;
    const bool is_due = progress.values >= next_.values() + kValuesInAnswer ||
                        progress.bytes >= next_.bytes() + kBytesInAnswer;
    return is_told || is_due ? Send() : true;
  }

  void End() {
    next_.set_done(true);
    Send();
  }

 private:
  bool Send() {
    next_.set_values(last_.values);
    next_.set_bytes(last_.bytes);
    const bool is_heard = writer_.Write(next_);
    next_.clear_damaged();
    return is_heard;
  }

  grpc::ServerWriter<v1::VerifyResponse>& writer_;
  v1::VerifyResponse next_;
  VerifyProgress last_;
  int told_ = 0;
};

class SystemServiceImpl final : public v1::SystemService::Service {
 public:
  SystemServiceImpl(const ServiceContext& context,
                    std::map<std::string, HostedService*> services,
                    std::map<std::string, int> workers)
      : context_(context),
        services_(std::move(services)),
        workers_(std::move(workers)) {}

  grpc::Status Diagnose(grpc::ServerContext*, const v1::DiagnoseRequest*,
                        v1::DiagnoseResponse* response) override {
    response->set_version(kVersion);
    response->set_cpu_model(CpuModel());
    for (const std::string& feature : CpuFeatures()) {
      response->add_cpu_features(feature);
    }
    response->set_cpus(CpuCount());
    response->set_compute_threads(context_.compute_threads);
    {
      // One at a time: two measurements at once would slow each other.
      MutexLock lock(blas_mutex_);
      const BlasInfo blas = MeasureBlas(context_.compute_threads);
      response->set_blas_library(blas.library);
      response->set_blas_gflops(blas.gflops);
      if (!blas.problem.empty()) response->add_problems(blas.problem);
    }
    response->set_memory_bytes(MemInfoBytes("MemTotal"));
    response->set_memory_available_bytes(MemInfoBytes("MemAvailable"));
    if (response->memory_available_bytes() < kLowMemoryBytes) {
      response->add_problems(absl::StrFormat(
          "only %.1f GiB of memory are available; extraction with VGG16 needs "
          "about 1, training on flattened features more: stop other programs",
          response->memory_available_bytes() / double(1 << 30)));
    }
    struct statvfs disk;
    if (statvfs(context_.data_dir.c_str(), &disk) == 0) {
      response->set_disk_free_bytes(static_cast<int64_t>(disk.f_bavail) *
                                    static_cast<int64_t>(disk.f_frsize));
    }
    if (response->disk_free_bytes() < kLowDiskBytes) {
      response->add_problems(absl::StrFormat(
          "only %.1f GiB are free below %s; make room or move the data "
          "directory",
          response->disk_free_bytes() / double(1 << 30), context_.data_dir));
    }
    response->set_sync_seconds(MeasureSyncSeconds(context_.data_dir));
    if (response->sync_seconds() < 0) {
      response->add_problems(
          absl::StrCat("cannot write below ", context_.data_dir,
                       "; check its owner and whether the disk is read-only"));
    } else if (response->sync_seconds() > kSlowSyncSeconds) {
      response->add_problems(
          absl::StrFormat("a synced write takes %.0f ms; every acknowledged "
                          "write waits for one: "
                          "use a local SSD for the data directory",
                          1000 * response->sync_seconds()));
    }
    if (context_.compute_threads > response->cpus()) {
      response->add_problems(absl::StrCat(
          "nevusd computes with ", context_.compute_threads, " threads on ",
          response->cpus(), " processors; start it with --threads ",
          response->cpus()));
    }
    for (const auto& [name, service] : services_) response->add_services(name);
    for (const auto& [kind, count] : workers_) {
      (*response->mutable_workers())[kind] = count;
    }
    return grpc::Status::OK;
  }

  grpc::Status Backup(grpc::ServerContext*, const v1::BackupRequest* request,
                      v1::BackupResponse* response) override {
    const absl::StatusOr<int64_t> bytes = BackUp(*request);
    if (!bytes.ok()) return ToGrpc(bytes.status());
    response->set_bytes(*bytes);
    return grpc::Status::OK;
  }

  grpc::Status Verify(grpc::ServerContext* call,
                      const v1::VerifyRequest* request,
                      grpc::ServerWriter<v1::VerifyResponse>* writer) override {
    const absl::StatusOr<HostedService*> service = Find(request->service());
    if (!service.ok()) return ToGrpc(service.status());
    DamageReport report(*writer);
    const absl::Status read =
        (*service)->Verify([&](const VerifyProgress& progress) {
          return report.Add(progress) && !call->IsCancelled();
        });
    if (!read.ok()) return ToGrpc(read);
    report.End();
    return grpc::Status::OK;
  }

 private:
  absl::StatusOr<HostedService*> Find(const std::string& name) const {
    const auto service = services_.find(name);
    if (service != services_.end()) return service->second;
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "this process does not host the service ", Quoted(name),
            "; ask the one that does (--server SERVICE=HOST:PORT,...)")),
        "SERVICE_UNKNOWN", {{"service", name}});
  }

  absl::StatusOr<int64_t> BackUp(const v1::BackupRequest& request) const {
    ASSIGN_OR_RETURN(HostedService* const service, Find(request.service()));
    const std::filesystem::path dir = request.dir();
    if (!dir.is_absolute()) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "the directory ", Quoted(request.dir()),
              " is not absolute; the server has another working directory "
              "than you: begin it with /")),
          "BACKUP_DIR_INVALID");
    }
    const std::string target = (dir / request.service()).string();
    RETURN_IF_ERROR(service->Backup(target));
    const int64_t bytes = BytesBelow(target);
    Log("service.backed_up")
        .With("service", request.service())
        .With("dir", target)
        .With("bytes", bytes);
    return bytes;
  }

  const ServiceContext context_;
  const std::map<std::string, HostedService*> services_;
  const std::map<std::string, int> workers_;
  Mutex blas_mutex_;
};

class SystemService final : public HostedService {
 public:
  SystemService(const ServiceContext& context,
                const std::map<std::string, HostedService*>& services,
                const std::map<std::string, int>& workers)
      : service_(context, services, workers) {}
  std::vector<grpc::Service*> grpc_services() override { return {&service_}; }

 private:
  SystemServiceImpl service_;
};

}  // namespace

std::unique_ptr<HostedService> NewSystemService(
    const ServiceContext& context,
    const std::map<std::string, HostedService*>& services,
    const std::map<std::string, int>& workers) {
  return std::make_unique<SystemService>(context, services, workers);
}

}  // namespace nevus
