#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/synthetic/synthetic.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/feature_space.h"
#include "compute/feature/views.h"
#include "compute/image/decode.h"
#include "compute/image/preprocess.h"
#include "tests/bench/bench_node.h"
#include "tests/bench/benches.h"
#include "tests/bench/network_alone.h"
#include "tests/bench/photographs.h"

namespace nevus {
namespace {

constexpr double kTarget = 3.0;
// A square of 24 megapixels, what cameras and phones make today.
constexpr int kSide = 4900;
constexpr int kWhole = 1 << 30;

class DecodeBench {
 public:
  explicit DecodeBench(const BenchOptions& options) : options_(options) {}

  absl::StatusOr<Report> Run() {
    RETURN_IF_ERROR(Prepare());
    const int wanted = ReducedLeastSide(preprocessing_);
    Lane whole = Way("decode whole, resize", kWhole);
    Lane reduced = Way("decode reduced, resize", wanted);
    Lane views = Views("eight views of one decoding", 1);
    Lane passes = Views("eight views of eight decodings", 8);
    RETURN_IF_ERROR(RunInTurns({&whole, &reduced, &views, &passes},
                               options_.repeats, options_.progress));
    Report report;
    report.ratios = {
        {"reduced / whole", Divide(reduced.values, whole.values), kTarget, {}},
        {"eight views / eight decodings",
         Divide(views.values, passes.values),
         1.0,
         {}}};
    report.lanes = {whole, reduced, views, passes};
    ASSIGN_OR_RETURN(report.facts, FactsOfThisMachine(options_.threads));
    report.facts.emplace_back("images", Describe());
    // What the reduction costs, at the side that is taken and at others.
    const int side = preprocessing_.width;
    for (const int least : {side, 2 * side, 4 * side}) {
      ASSIGN_OR_RETURN(const std::string costs, Costs(least));
      report.facts.emplace_back(absl::StrCat("shorter side at least ", least,
                                             least == wanted ? " (taken)" : ""),
                                costs);
    }
    return report;
  }

 private:
  absl::Status Prepare() {
    if (options_.images.empty()) {
      for (int i = 0; i < options_.count; ++i) {
        photographs_.push_back(Generate(/*seed=*/1, i, kSide).jpeg);
      }
    } else {
      ASSIGN_OR_RETURN(const std::vector<ExampleFile> files,
                       FindPhotographs(options_.images, options_.count, ""));
      ASSIGN_OR_RETURN(photographs_, ReadPhotographs(files));
    }
    ASSIGN_OR_RETURN(const std::unique_ptr<Backbone> backbone,
                     LoadNetwork(options_.weights, options_.input_size));
    ASSIGN_OR_RETURN(extractor_, NewExtractor(*backbone, options_.precision,
                                              options_.threads));
    const FeatureSpaceSpec& spec = extractor_->spec();
    preprocessing_ = {spec.input_size, spec.input_size, spec.normalization};
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<float>> Planes(const std::string& photograph,
                                            int least_side) const {
    ASSIGN_OR_RETURN(const Pixels pixels,
                     DecodeImageReduced(photograph, least_side));
    std::vector<float> planes(size_t{3} * preprocessing_.width *
                              preprocessing_.height);
    Preprocess(pixels, preprocessing_, planes.data());
    return planes;
  }

  absl::StatusOr<std::vector<float>> Feature(const std::string& photograph,
                                             int least_side) {
    ASSIGN_OR_RETURN(const std::vector<float> planes,
                     Planes(photograph, least_side));
    std::vector<float> feature(extractor_->dimension());
    RETURN_IF_ERROR(extractor_->Forward(planes.data(), 1, feature.data()));
    return feature;
  }

  Lane Way(const std::string& name, int least_side) {
    return {name, "images/s", [this, least_side]() -> absl::StatusOr<double> {
              const Stopwatch watch;
              for (const std::string& photograph : photographs_) {
                RETURN_IF_ERROR(Planes(photograph, least_side).status());
              }
              return photographs_.size() / watch.Seconds();
            }};
  }

  // All but the network.
  Lane Views(const std::string& name, int decodings) {
    return {name, "images/s", [this, decodings]() -> absl::StatusOr<double> {
              const int least_side = ReducedLeastSide(preprocessing_);
              const Stopwatch watch;
              for (const std::string& photograph : photographs_) {
                std::vector<float> planes;
                for (int view = 0; view < 8; ++view) {
                  if (view < decodings) {
                    ASSIGN_OR_RETURN(planes, Planes(photograph, least_side));
                  }
                  std::vector<float> turned(planes.size());
                  MakeView(planes.data(), 3, preprocessing_.width, view,
                           turned.data());
                }
              }
              return photographs_.size() / watch.Seconds();
            }};
  }

  absl::StatusOr<std::string> Costs(int least_side) {
    std::vector<double> errors;
    std::vector<int> reductions;
    for (const std::string& photograph : photographs_) {
      ASSIGN_OR_RETURN(const std::vector<float> exact,
                       Feature(photograph, kWhole));
      ASSIGN_OR_RETURN(const std::vector<float> reduced,
                       Feature(photograph, least_side));
      double difference = 0, norm = 0;
      for (size_t i = 0; i < exact.size(); ++i) {
        const double off = double{reduced[i]} - exact[i];
        difference += off * off;
        norm += double{exact[i]} * exact[i];
      }
      errors.push_back(std::sqrt(difference / norm));
      ASSIGN_OR_RETURN(const ImageHeader header,
                       ReadImageHeader(photograph, DecodeLimits()));
      reductions.push_back(
          JpegReduction(header.width, header.height, least_side));
    }
    return absl::StrFormat(
        "1/%d; features off by relative L2 %.1e median, %.1e largest",
        *std::max_element(reductions.begin(), reductions.end()), Median(errors),
        *std::max_element(errors.begin(), errors.end()));
  }

  std::string Describe() const {
    size_t bytes = 0;
    for (const std::string& photograph : photographs_) {
      bytes += photograph.size();
    }
    return absl::StrCat(
        options_.images.empty()
            ? absl::StrCat(options_.count, " synthetic JPEGs of ", kSide, " x ",
                           kSide)
            : DescribePhotographs(options_.images, options_.count),
        ", ", FormatBytes(static_cast<int64_t>(bytes / photographs_.size())),
        " each");
  }

  const BenchOptions& options_;
  std::vector<std::string> photographs_;
  std::unique_ptr<FeatureExtractor> extractor_;
  Preprocessing preprocessing_;
};

}  // namespace

absl::StatusOr<Report> BenchDecode(const BenchOptions& options) {
  return DecodeBench(options).Run();
}

}  // namespace nevus
