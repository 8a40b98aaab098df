#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/cpu.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/omp_threads.h"
#include "compute/feature/arithmetic_choice.h"
#include "compute/feature/eager_reference.h"
#include "compute/feature/feature_extractor.h"
#include "tests/bench/accuracy.h"
#include "tests/bench/benches.h"
#include "tests/bench/network_alone.h"
#include "tests/bench/onnx_file.h"
#include "tests/bench/onnxruntime_peer.h"
#include "tests/bench/photographs.h"
#include "tests/bench/precisions.h"

namespace nevus {
namespace {

// VGG16 against eager LibTorch, by what this processor has
// (docs/benchmarks.md). Of bf16 without AMX the faster kernel counts, that is
// Winograd in fp32.
std::optional<double> TargetOf(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
      return 1.0;
    case Arithmetic::kCudaFp32:  // tools/gpu-check measures a GPU
    case Arithmetic::kCudaBf16:
      return std::nullopt;
    case Arithmetic::kFp32Winograd:
      return HasAvx512() ? 2.6 : 1.8;
    case Arithmetic::kBf16:
      return HasAmx() ? std::optional<double>(7) : std::nullopt;
    case Arithmetic::kInt8:
      return HasAmx() ? 12 : 4.2;
    case Arithmetic::kInt8Winograd:
      return 6.0;
  }
  return std::nullopt;
}
// Of what --precision auto takes, likewise.
std::optional<double> TargetOfAuto() {
  return HasAvx512() ? std::optional<double>(2.2) : std::nullopt;
}
// And everything around the network against the network.
constexpr double kOfTheNetworkAlone = 0.92;

// What runs on ready tensors has no fixed cost that more images would share.
constexpr int kMostReady = 32;

std::string DatasetName(int round) { return absl::StrCat("round-", round); }

// All lanes of one run and what they work on.
class ExtractBench {
 public:
  explicit ExtractBench(const BenchOptions& options) : options_(options) {}

  absl::StatusOr<Report> Run() {
    RETURN_IF_ERROR(Prepare());
    // A photograph alone and eight at a time: which is faster depends on
    // LibTorch and the processor, and the faster one is the yardstick.
    Lane eager_alone = Eager(1), eager_batch = Eager(8);
    std::vector<Lane> networks, jobs;
    for (size_t i = 0; i < spaces_.size(); ++i) {
      networks.push_back(NetworkAlone(*extractors_[i]));
      jobs.push_back(Job(ArithmeticName(spaces_[i].arithmetic)));
    }
    std::vector<Lane*> lanes = {&eager_alone, &eager_batch};
    std::vector<Lane> peers;
    if (peer_ != nullptr) peers = {Peer(1), Peer(8)};
    for (Lane& peer : peers) lanes.push_back(&peer);
    for (size_t i = 0; i < spaces_.size(); ++i) {
      lanes.insert(lanes.end(), {&networks[i], &jobs[i]});
    }
    RETURN_IF_ERROR(RunInTurns(lanes, options_.repeats, options_.progress));

    const Lane& eager = Faster(eager_alone, eager_batch);
    Report report;
    for (size_t i = 0; i < spaces_.size(); ++i) {
      AddRatios(eager, networks[i], jobs[i], spaces_[i].arithmetic, report);
    }
    if (options_.precision == "auto") {
      ASSIGN_OR_RETURN(const size_t taken, TakenByAuto());
      report.ratios.push_back(
          {absl::StrCat("auto (", jobs[taken].name, ") / ", eager.name),
           Divide(jobs[taken].values, eager.values),
           HasTargets() ? TargetOfAuto() : std::nullopt,
           {}});
    }
    if (peer_ != nullptr) {
      ASSIGN_OR_RETURN(peer_fact_, PeerAgrees());
      const Lane& peer = Faster(peers[0], peers[1]);
      for (size_t i = 0; i < spaces_.size(); ++i) {
        AddPeerRatios(peer, networks[i], jobs[i], report);
      }
    }
    for (Lane* lane : lanes) report.lanes.push_back(std::move(*lane));
    ASSIGN_OR_RETURN(report.facts, node_->Facts());
    report.facts.emplace_back(
        "images", DescribePhotographs(options_.images, options_.count) +
                      " a repeat, new ones each");
    if (!peer_fact_.empty()) report.facts.emplace_back("peer", peer_fact_);
    RETURN_IF_ERROR(AddCosts(report.facts));
    return report;
  }

 private:
  absl::Status Prepare() {
    const int rounds = options_.repeats + 1;
    ready_ = std::min(options_.count, kMostReady);
    ASSIGN_OR_RETURN(const std::vector<ExampleFile> files,
                     FindPhotographs(options_.images, options_.count * rounds,
                                     generated_.path()));
    const auto slice = [&](int round) {
      return std::vector<ExampleFile>(
          files.begin() + round * options_.count,
          files.begin() + (round + 1) * options_.count);
    };
    ASSIGN_OR_RETURN(backbone_,
                     LoadNetwork(options_.weights, options_.input_size));
    ASSIGN_OR_RETURN(const std::vector<std::string> photographs,
                     ReadPhotographs({files.begin(), files.begin() + ready_}));
    ASSIGN_OR_RETURN(planes_, ReadyPlanes(backbone_->info(), photographs));
    ASSIGN_OR_RETURN(spaces_, SpacesToMeasure(*backbone_, options_.precision,
                                              planes_, options_.threads));
    for (const FeatureSpaceSpec& space : spaces_) {
      FeatureExtractorOptions options;
      options.threads = options_.threads;
      ASSIGN_OR_RETURN(auto extractor,
                       FeatureExtractor::Create(*backbone_, space, options));
      extractors_.push_back(std::move(extractor));
    }
    ASSIGN_OR_RETURN(eager_,
                     NewEagerReference(*backbone_, "", options_.threads));
    if (options_.peer) RETURN_IF_ERROR(PreparePeer());
    ASSIGN_OR_RETURN(node_, BenchNode::Start(options_.threads));
    for (int round = 0; round < rounds; ++round) {
      RETURN_IF_ERROR(node_->ImportAndSeal(DatasetName(round), slice(round)));
    }
    return node_->ImportNetwork(options_.weights, options_.input_size);
  }

  // Without it the bench goes on, and says so.
  absl::Status PreparePeer() {
    options_.progress(0, 1, "fetching ONNX Runtime, if it is not there yet");
    const NetworkTable& table = *backbone_->table();
    const Layers layers = CutAt(table.layers, spaces_[0].cut);
    PeerWork work;
    ASSIGN_OR_RETURN(work.model, WriteOnnx(layers, table.weights,
                                           backbone_->info().input_size));
    work.planes = planes_.data();
    work.count = ready_;
    work.side = backbone_->info().input_size;
    work.threads = options_.threads;
    const absl::StatusOr<std::string> package = FetchOnnxRuntime();
    absl::Status status = package.status();
    if (status.ok()) {
      auto peer = OnnxRuntimePeer::Start(*package, work);
      status = peer.status();
      if (peer.ok()) peer_ = *std::move(peer);
    }
    if (!status.ok()) {
      peer_fact_ = absl::StrCat("not measured: ", status.message());
    }
    return absl::OkStatus();
  }

  // A peer that computes something else is no yardstick. Says how near it came.
  absl::StatusOr<std::string> PeerAgrees() {
    constexpr double kMostError = 1e-4;  // as of two fp32 implementations
    std::vector<float> ours(size_t{1} * ready_ * extractors_[0]->dimension());
    RETURN_IF_ERROR(
        extractors_[0]->Forward(planes_.data(), ready_, ours.data()));
    ASSIGN_OR_RETURN(const std::vector<float> theirs, peer_->Features());
    if (theirs.size() != ours.size()) {
      return absl::InternalError(absl::StrCat(
          "ONNX Runtime gave ", theirs.size(), " numbers for the features of ",
          ready_, " images; ours are ", ours.size()));
    }
    const double error = RelativeError(theirs, ours);
    if (!(error <= kMostError)) {
      return absl::InternalError(
          absl::StrFormat("ONNX Runtime's features are %.2g from ours in fp32 "
                          "(relative L2); %g is as much as rounding explains, "
                          "so its speed would say nothing",
                          error, kMostError));
    }
    return absl::StrFormat(
        "ONNX Runtime %s, fp32, same ready tensors, same threads; features "
        "%.2g from our fp32 (relative L2)",
        kOnnxRuntimeVersion, error);
  }

  // The index of the space that --precision auto takes on these images.
  absl::StatusOr<size_t> TakenByAuto() const {
    Calibration calibration;
    for (const FeatureSpaceSpec& space : spaces_) {
      if (!space.calibration.empty()) calibration = space.calibration;
    }
    ASSIGN_OR_RETURN(
        const ArithmeticChoice choice,
        ChooseArithmetic(*backbone_, spaces_[0].cut, spaces_[0].pooling,
                         calibration, SplitPlanes(*backbone_, planes_),
                         options_.threads));
    const auto taken = std::find_if(
        spaces_.begin(), spaces_.end(), [&](const FeatureSpaceSpec& space) {
          return space.arithmetic == choice.arithmetic;
        });
    return taken - spaces_.begin();
  }

  absl::Status AddCosts(Facts& facts) const {
    ASSIGN_OR_RETURN(Facts costs, CostOfEach(*backbone_, spaces_, planes_,
                                             options_.threads));
    facts.insert(facts.end(), costs.begin(), costs.end());
    if (!options_.labelled.empty()) {
      ASSIGN_OR_RETURN(costs, AucOfEach(*backbone_, spaces_, options_.labelled,
                                        options_.threads));
      facts.insert(facts.end(), costs.begin(), costs.end());
    }
    if (options_.layers) {
      ASSIGN_OR_RETURN(costs, LayerByLayer(*backbone_, spaces_, planes_));
      facts.insert(facts.end(), costs.begin(), costs.end());
    }
    return absl::OkStatus();
  }

  Lane Eager(int batch) {
    return {absl::StrCat("LibTorch eager, batch ", batch), "images/s",
            [this, batch]() -> absl::StatusOr<double> {
              const ScopedOmpHelpers helpers;  // none beside the jobs'
              const size_t image_floats = planes_.size() / ready_;
              std::vector<std::vector<float>> activations;
              const Stopwatch watch;
              for (int i = 0; i < ready_; i += batch) {
                RETURN_IF_ERROR(eager_->Forward(&planes_[i * image_floats],
                                                std::min(batch, ready_ - i),
                                                &activations));
              }
              return ready_ / watch.Seconds();
            }};
  }

  Lane Peer(int batch) {
    return {absl::StrCat("ONNX Runtime, batch ", batch), "images/s",
            [this, batch]() -> absl::StatusOr<double> {
              ASSIGN_OR_RETURN(const double seconds, peer_->Run(batch));
              return ready_ / seconds;
            }};
  }

  Lane NetworkAlone(FeatureExtractor& extractor) {
    return {absl::StrCat(ArithmeticName(extractor.spec().arithmetic),
                         ", network alone"),
            "images/s", [this, &extractor]() -> absl::StatusOr<double> {
              const ScopedOmpHelpers helpers;  // none beside the jobs'
              std::vector<float> features(size_t{1} * ready_ *
                                          extractor.dimension());
              const Stopwatch watch;
              RETURN_IF_ERROR(
                  extractor.Forward(planes_.data(), ready_, features.data()));
              return ready_ / watch.Seconds();
            }};
  }

  // Each round takes a dataset of its own, so that nothing is there yet.
  Lane Job(const std::string& precision) {
    return {
        absl::StrCat(precision, ", end to end"), "images/s",
        [this, precision, round = 0]() mutable -> absl::StatusOr<double> {
          v1::ExtractRequest request;
          request.set_dataset(DatasetName(round++));
          request.set_version(1);
          request.set_backbone("network");
          request.set_precision(precision);
          // Only the warm-up measures int8's ranges.
          request.set_calibrated_on(DatasetName(0));
          const Stopwatch watch;
          ASSIGN_OR_RETURN(const v1::Job job,
                           node_->Finish(node_->client().Call(
                               &v1::FeatureService::Stub::Extract, request)));
          const double seconds = watch.Seconds();
          // The same photograph twice is one image.
          const int64_t computed = job.progress().total();
          if (computed < 1) {
            return absl::InternalError(
                absl::StrCat("the job ", job.id(), " had nothing to compute"));
          }
          return computed / seconds;
        }};
  }

  // They are VGG16's: a smaller network takes no longer than a job's other
  // work.
  bool HasTargets() const { return options_.weights.arch == "vgg16"; }

  void AddRatios(const Lane& eager, const Lane& network, const Lane& job,
                 Arithmetic arithmetic, Report& report) const {
    report.ratios.push_back({absl::StrCat(job.name, " / ", eager.name),
                             Divide(job.values, eager.values),
                             HasTargets() ? TargetOf(arithmetic) : std::nullopt,
                             {}});
    report.ratios.push_back({absl::StrCat(job.name, " / network alone"),
                             Divide(job.values, network.values),
                             HasTargets()
                                 ? std::optional<double>(kOfTheNetworkAlone)
                                 : std::nullopt,
                             {}});
  }

  static void AddPeerRatios(const Lane& peer, const Lane& network,
                            const Lane& job, Report& report) {
    for (const Lane* ours : {&network, &job}) {
      report.ratios.push_back({absl::StrCat(ours->name, " / ", peer.name),
                               Divide(ours->values, peer.values),
                               {},
                               {}});
    }
  }

  static const Lane& Faster(const Lane& one, const Lane& other) {
    return Median(one.values) > Median(other.values) ? one : other;
  }

  const BenchOptions& options_;
  TempDir generated_;
  std::unique_ptr<Backbone> backbone_;
  int ready_ = 0;  // images whose planes there are
  std::vector<float> planes_;
  std::vector<FeatureSpaceSpec> spaces_;  // one a precision, fp32 first
  std::vector<std::unique_ptr<FeatureExtractor>> extractors_;
  std::unique_ptr<EagerNetwork> eager_;
  std::unique_ptr<OnnxRuntimePeer> peer_;  // if asked for and there
  std::string peer_fact_;
  std::unique_ptr<BenchNode> node_;
};

}  // namespace

absl::StatusOr<Report> BenchExtract(const BenchOptions& options) {
  return ExtractBench(options).Run();
}

}  // namespace nevus
