// Workers as a whole: two against one, and one over many images.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/rpc/channel.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/command.h"
#include "tests/bench/benches.h"
#include "tests/bench/photographs.h"
#include "tests/bench/resident_memory.h"

namespace nevus {
namespace {

constexpr double kTwoWorkersTarget = 1.8;
constexpr double kGrowthTarget = 50;     // MB
constexpr double kFirstImageTarget = 2;  // seconds
constexpr int kWarmImages = 1000;
constexpr int kFirstSide = 224;
// A soak's images are small and its network short, so that there can be many
// and they, not the products, count.
constexpr int kSoakSide = 64;
constexpr char kSoakCut[] = "block1_pool";

v1::ExtractRequest Extraction(const std::string& dataset, int version,
                              const std::string& backbone,
                              const std::string& cut,
                              const std::string& precision) {
  v1::ExtractRequest request;
  request.set_dataset(dataset);
  request.set_version(version);
  request.set_backbone(backbone);
  request.set_cut(cut);
  request.set_precision(precision);
  return request;
}

std::string DatasetName(int round) { return absl::StrCat("round-", round); }

// A node with `workers` extraction workers of one thread each, and what they
// work on: a dataset a round.
class WorkerTeam {
 public:
  static absl::StatusOr<std::unique_ptr<WorkerTeam>> Start(
      int workers, const BenchOptions& options,
      const std::vector<ExampleFile>& files) {
    auto team = std::make_unique<WorkerTeam>();
    ASSIGN_OR_RETURN(team->node_,
                     BenchNode::StartWorkers(workers, /*threads=*/1));
    RETURN_IF_ERROR(
        team->node_->ImportNetwork(options.weights, options.input_size));
    for (int round = 0; round <= options.repeats; ++round) {
      const auto begin = files.begin() + round * options.count;
      RETURN_IF_ERROR(team->node_->ImportAndSeal(
          DatasetName(round), {begin, begin + options.count}));
    }
    return team;
  }

  absl::StatusOr<double> RunRound(const std::string& precision) {
    v1::ExtractRequest request =
        Extraction(DatasetName(round_++), 1, "network", "", precision);
    // Only the warm-up measures int8's ranges, which no worker shares.
    request.set_calibrated_on(DatasetName(0));
    const Stopwatch watch;
    ASSIGN_OR_RETURN(const v1::Job job,
                     node_->Finish(node_->client().Call(
                         &v1::FeatureService::Stub::Extract, request)));
    return static_cast<double>(job.progress().total()) / watch.Seconds();
  }

  BenchNode& node() { return *node_; }

 private:
  std::unique_ptr<BenchNode> node_;
  int round_ = 0;
};

// All services in a process of their own, so that this one is the worker.
// Forked before any thread is made.
class ServicesApart {
 public:
  absl::Status Start() {
    int ready[2];
    if (pipe(ready) != 0) return absl::InternalError("no pipe");
    child_ = fork();
    if (child_ < 0) return absl::InternalError("no process");
    if (child_ == 0) {
      close(ready[0]);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      Serve(ready[1]);
      _exit(1);
    }
    close(ready[1]);
    char buffer[16] = {};
    const ssize_t got = read(ready[0], buffer, sizeof(buffer) - 1);
    close(ready[0]);
    if (got <= 0) return absl::InternalError("the services did not start");
    address_ = absl::StrCat("127.0.0.1:", buffer);
    return absl::OkStatus();
  }
  ~ServicesApart() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  const std::string& address() const { return address_; }
  const std::string& dir() const { return dir_.path(); }

 private:
  void Serve(int ready) const {
    NodeOptions options;
    options.data_dir = dir_.path();
    options.listen = "127.0.0.1:0";
    options.workers.clear();
    const auto node = Node::Start(options);
    if (!node.ok()) return;
    const std::string port = absl::StrCat((*node)->port());
    if (write(ready, port.data(), port.size()) < 0) return;
    close(ready);
    while (true) pause();
  }

  const TempDir dir_;
  pid_t child_ = -1;
  std::string address_;
};

class SoakBench {
 public:
  explicit SoakBench(const BenchOptions& options) : options_(options) {}

  absl::StatusOr<Report> Run() {
    if (options_.count <= kWarmImages) {
      return UsageError(absl::StrCat(
          "the first ", kWarmImages, " images warm the worker up, so --count ",
          options_.count, " leaves none to measure; give more"));
    }
    ServicesApart services;
    RETURN_IF_ERROR(services.Start());
    ASSIGN_OR_RETURN(client_, Client::Create(services.address()));
    RETURN_IF_ERROR(Prepare());
    const double before = ResidentMegabytes();
    ResetPeak();
    ASSIGN_OR_RETURN(const double first_seconds, FirstImage(services));
    const double peak = PeakMegabytes();
    RETURN_IF_ERROR(Extract("all", 1, "small", kSoakCut));
    const double warm = ResidentMegabytes();
    RETURN_IF_ERROR(Extract("all", 2, "small", kSoakCut));
    const double end = ResidentMegabytes();
    worker_.reset();

    Lane first{"first image after the worker's start", "s", {}};
    first.values = {first_seconds};
    Lane grown{"the worker's growth", "MB", {}};
    grown.values = {end - warm};
    Report report;
    report.ratios = {
        {"first image / 2 s", {first_seconds / kFirstImageTarget}, {}, 1.0},
        {"growth / 50 MB",
         {std::max(end - warm, 0.0) / kGrowthTarget},
         {},
         1.0}};
    report.lanes = {std::move(first), std::move(grown)};
    ASSIGN_OR_RETURN(report.facts, FactsOfThisMachine(options_.threads));
    report.facts.emplace_back(
        "images",
        DescribePhotographs(options_.images, options_.count, kSoakSide));
    report.facts.emplace_back(
        "growth",
        absl::StrFormat("from image %d (%.0f MB) to %d (%.0f MB), VGG16's %s "
                        "on %d pixels",
                        kWarmImages, warm, options_.count, end, kSoakCut,
                        kSoakSide));
    report.facts.emplace_back(
        "first image",
        absl::StrFormat("a whole VGG16 on %d pixels, precision %s, which took "
                        "%.1f s to settle before the worker's start; memory "
                        "from %.0f MB, %.0f MB at most",
                        kFirstSide, options_.precision, submit_seconds_, before,
                        peak));
    return report;
  }

 private:
  // Version 1 of "all" is what warms up. One name, so that both versions are
  // computed in one feature space.
  absl::Status Prepare() {
    ASSIGN_OR_RETURN(const std::vector<ExampleFile> files,
                     FindPhotographs(options_.images, options_.count,
                                     generated_.path(), kSoakSide));
    const auto warm_end = files.begin() + kWarmImages;
    RETURN_IF_ERROR(ImportAndSeal("one", {files.begin(), files.begin() + 1}));
    RETURN_IF_ERROR(ImportAndSeal("all", {files.begin(), warm_end}));
    RETURN_IF_ERROR(ImportAndSeal("all", {warm_end, files.end()}));
    RETURN_IF_ERROR(ImportVgg16("vgg16", kFirstSide));
    return ImportVgg16("small", kSoakSide);
  }

  absl::Status ImportVgg16(const std::string& name, int input_size) {
    v1::BackboneUpload upload;
    upload.set_name(name);
    upload.set_arch("vgg16");
    upload.set_input_size(input_size);
    upload.set_random_seed(0);
    return ImportBackbone(*client_, upload, "", nullptr).status();
  }

  absl::Status ImportAndSeal(const std::string& name,
                             const std::vector<ExampleFile>& files) {
    RETURN_IF_ERROR(
        ImportExamples(*client_, name, files, [&](int64_t done, int64_t all) {
          options_.progress(static_cast<int>(done), static_cast<int>(all),
                            "import");
        }).status());
    v1::SealDatasetRequest request;
    request.set_name(name);
    return client_->Call(&v1::DatasetService::Stub::SealDataset, request)
        .status();
  }

  // Extracts what is missing yet.
  absl::Status Extract(const std::string& dataset, int version,
                       const std::string& backbone, const std::string& cut) {
    ASSIGN_OR_RETURN(const v1::Job job,
                     Submit(dataset, version, backbone, cut));
    return Finish(job);
  }

  absl::StatusOr<v1::Job> Submit(const std::string& dataset, int version,
                                 const std::string& backbone,
                                 const std::string& cut) {
    return client_->Call(
        &v1::FeatureService::Stub::Extract,
        Extraction(dataset, version, backbone, cut, options_.precision));
  }

  absl::Status Finish(const v1::Job& job) {
    ASSIGN_OR_RETURN(
        const v1::Job ended,
        WaitForJob(*client_, job.id(), [&](const v1::WatchJobResponse& news) {
          if (!news.event().has_progress()) return;
          const v1::Progress& task = news.event().progress().progress();
          options_.progress(static_cast<int>(task.done()),
                            static_cast<int>(task.total()), "extract, a task");
        }));
    return JobError(ended);
  }

  // The whole network, from the start of the worker's node to the end of a job
  // that waits for it. What "auto" measures first, once for a backbone and a
  // dataset, the services do when the job is submitted.
  absl::StatusOr<double> FirstImage(const ServicesApart& services) {
    const Stopwatch submitting;
    ASSIGN_OR_RETURN(const v1::Job job, Submit("one", 1, "vgg16", ""));
    submit_seconds_ = submitting.Seconds();
    const Stopwatch watch;
    NodeOptions options;
    options.data_dir = services.dir() + "/worker";
    options.listen = "127.0.0.1:0";
    options.services.clear();
    options.workers = {{"extraction", 1}};
    options.compute_threads = options_.threads;
    ASSIGN_OR_RETURN(options.peers,
                     ServiceAddresses::Parse(services.address()));
    ASSIGN_OR_RETURN(worker_, Node::Start(options));
    RETURN_IF_ERROR(Finish(job));
    return watch.Seconds();
  }

  const BenchOptions& options_;
  double submit_seconds_ = 0;
  TempDir generated_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Node> worker_;
};

}  // namespace

absl::StatusOr<Report> BenchWorkers(const BenchOptions& options) {
  const TempDir generated;
  ASSIGN_OR_RETURN(
      const std::vector<ExampleFile> files,
      FindPhotographs(options.images, options.count * (options.repeats + 1),
                      generated.path()));
  ASSIGN_OR_RETURN(const auto one, WorkerTeam::Start(1, options, files));
  ASSIGN_OR_RETURN(const auto two, WorkerTeam::Start(2, options, files));
  Lane alone{"one worker of one thread", "images/s",
             [&] { return one->RunRound(options.precision); }};
  Lane together{"two workers of one thread", "images/s",
                [&] { return two->RunRound(options.precision); }};
  RETURN_IF_ERROR(
      RunInTurns({&alone, &together}, options.repeats, options.progress));
  Report report;
  report.ratios = {{"two workers / one",
                    Divide(together.values, alone.values),
                    kTwoWorkersTarget,
                    {}}};
  report.lanes = {std::move(alone), std::move(together)};
  ASSIGN_OR_RETURN(report.facts, two->node().Facts());
  report.facts.emplace_back("images",
                            DescribePhotographs(options.images, options.count));
  return report;
}

absl::StatusOr<Report> BenchSoak(const BenchOptions& options) {
  return SoakBench(options).Run();
}

}  // namespace nevus
