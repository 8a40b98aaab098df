#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/temp_dir.h"
#include "compute/backbone/arithmetic.h"
#include "compute/feature/eager_reference.h"
#include "compute/feature/feature_extractor.h"
#include "tests/bench/accuracy.h"
#include "tests/bench/benches.h"
#include "tests/bench/photographs.h"
#include "tests/bench/precisions.h"
#include "tests/bench/vgg16_alone.h"

namespace nevus {
namespace {

// Against eager LibTorch, and everything around the network against the network
// (issue 8's table). Of fp32 the faster kernel counts.
std::optional<double> TargetOf(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
    case Arithmetic::kBf16:
      return std::nullopt;
    case Arithmetic::kFp32Winograd:
      return 2.6;
    case Arithmetic::kInt8:
      return 4.2;
    case Arithmetic::kInt8Winograd:
      return 6.0;
  }
  return std::nullopt;
}
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
    for (size_t i = 0; i < spaces_.size(); ++i) {
      lanes.insert(lanes.end(), {&networks[i], &jobs[i]});
    }
    RETURN_IF_ERROR(RunInTurns(lanes, options_.repeats, options_.progress));

    const Lane& eager = Median(eager_alone.values) > Median(eager_batch.values)
                            ? eager_alone
                            : eager_batch;
    Report report;
    for (size_t i = 0; i < spaces_.size(); ++i) {
      AddRatios(eager, networks[i], jobs[i], TargetOf(spaces_[i].arithmetic),
                report);
    }
    for (Lane* lane : lanes) report.lanes.push_back(std::move(*lane));
    ASSIGN_OR_RETURN(report.facts, node_->Facts());
    report.facts.emplace_back(
        "images", DescribePhotographs(options_.images, options_.count) +
                      " a repeat, new ones each");
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
                     LoadVgg16(options_.weights, options_.input_size));
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
    ASSIGN_OR_RETURN(node_, BenchNode::Start(options_.threads));
    for (int round = 0; round < rounds; ++round) {
      RETURN_IF_ERROR(node_->ImportAndSeal(DatasetName(round), slice(round)));
    }
    return node_->ImportVgg16(options_.weights, options_.input_size);
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

  Lane NetworkAlone(FeatureExtractor& extractor) {
    return {absl::StrCat(ArithmeticName(extractor.spec().arithmetic),
                         ", network alone"),
            "images/s", [this, &extractor]() -> absl::StatusOr<double> {
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
          request.set_backbone("vgg16");
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

  static void AddRatios(const Lane& eager, const Lane& network, const Lane& job,
                        std::optional<double> target, Report& report) {
    report.ratios.push_back({absl::StrCat(job.name, " / ", eager.name),
                             Divide(job.values, eager.values),
                             target,
                             {}});
    report.ratios.push_back({absl::StrCat(job.name, " / network alone"),
                             Divide(job.values, network.values),
                             kOfTheNetworkAlone,
                             {}});
  }

  const BenchOptions& options_;
  TempDir generated_;
  std::unique_ptr<Backbone> backbone_;
  int ready_ = 0;  // images whose planes there are
  std::vector<float> planes_;
  std::vector<FeatureSpaceSpec> spaces_;  // one a precision, fp32 first
  std::vector<std::unique_ptr<FeatureExtractor>> extractors_;
  std::unique_ptr<EagerNetwork> eager_;
  std::unique_ptr<BenchNode> node_;
};

}  // namespace

absl::StatusOr<Report> BenchExtract(const BenchOptions& options) {
  return ExtractBench(options).Run();
}

}  // namespace nevus
