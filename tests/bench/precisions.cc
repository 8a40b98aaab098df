#include "tests/bench/precisions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "compute/backbone/onednn_network.h"
#include "tests/bench/peak.h"

namespace nevus {
namespace {

size_t ImageFloats(const Backbone& backbone) {
  return size_t{3} * backbone.info().input_size * backbone.info().input_size;
}

absl::StatusOr<std::unique_ptr<OnednnNetwork>> NetworkOf(
    const Backbone& backbone, const FeatureSpaceSpec& space, int threads) {
  const NetworkTable& table = *backbone.table();
  return NewOnednnNetwork(CutAt(table.layers, space.cut), {space.cut},
                          table.weights, space.arithmetic, space.calibration,
                          space.input_size, threads);
}

}  // namespace

Planes SplitPlanes(const Backbone& backbone, const std::vector<float>& planes) {
  const size_t each = ImageFloats(backbone);
  Planes images;
  for (size_t i = 0; i + each <= planes.size(); i += each) {
    images.emplace_back(planes.begin() + i, planes.begin() + i + each);
  }
  return images;
}

absl::StatusOr<std::vector<FeatureSpaceSpec>> SpacesToMeasure(
    const Backbone& backbone, const std::string& only,
    const std::vector<float>& planes, int threads) {
  Calibration calibration;
  std::vector<FeatureSpaceSpec> spaces;
  for (Arithmetic arithmetic : Arithmetics()) {
    const std::string name = ArithmeticName(arithmetic);
    const bool wanted = only.empty() || only == "auto" || name == only ||
                        arithmetic == Arithmetic::kFp32;
    if (!wanted || !CheckArithmetic(backbone.info(), arithmetic).ok()) continue;
    ASSIGN_OR_RETURN(FeatureSpaceSpec space,
                     ResolveFeatureSpace(backbone.info(), "", "", name));
    if (NeedsCalibration(arithmetic)) {
      if (calibration.empty()) {
        ASSIGN_OR_RETURN(calibration,
                         Calibrate(backbone, space.cut,
                                   SplitPlanes(backbone, planes), threads));
      }
      space.calibration = calibration;
    }
    spaces.push_back(std::move(space));
  }
  return spaces;
}

double RelativeError(const std::vector<float>& values,
                     const std::vector<float>& exact) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    difference += std::pow(double{values[i]} - exact[i], 2);
    size += std::pow(double{exact[i]}, 2);
  }
  return std::sqrt(difference / std::max(size, 1e-300));
}

absl::StatusOr<Facts> CostOfEach(const Backbone& backbone,
                                 const std::vector<FeatureSpaceSpec>& spaces,
                                 const std::vector<float>& planes,
                                 int threads) {
  const int n = planes.size() / ImageFloats(backbone);
  Facts facts;
  std::vector<float> exact;
  for (const FeatureSpaceSpec& space : spaces) {
    FeatureExtractorOptions options;
    options.threads = threads;
    ASSIGN_OR_RETURN(const auto extractor,
                     FeatureExtractor::Create(backbone, space, options));
    std::vector<float> features(size_t{1} * n * extractor->dimension());
    RETURN_IF_ERROR(extractor->Forward(planes.data(), n, features.data()));
    if (exact.empty()) exact = features;
    ASSIGN_OR_RETURN(const auto network, NetworkOf(backbone, space, threads));
    facts.emplace_back(
        ArithmeticName(space.arithmetic),
        absl::StrFormat(
            "error %.2g against fp32 (auto takes up to %g); %.0f "
            "MB of weights, %.0f MB of activations",
            RelativeError(features, exact), LargestError(space.arithmetic),
            1e-6 * network->constant_bytes(), 1e-6 * network->buffer_bytes()));
  }
  return facts;
}

absl::StatusOr<Facts> LayerByLayer(const Backbone& backbone,
                                   const std::vector<FeatureSpaceSpec>& spaces,
                                   const std::vector<float>& planes) {
  constexpr int kRuns = 5;
  Facts facts;
  for (const FeatureSpaceSpec& space : spaces) {
    ASSIGN_OR_RETURN(const auto network,
                     NetworkOf(backbone, space, /*threads=*/1));
    ASSIGN_OR_RETURN(const Cut cut, FindCut(backbone.info(), space.cut));
    std::vector<float> activation(FeatureDimension(cut, Pooling::kFlatten));
    const auto& steps = network->steps();
    std::vector<double> least(steps.size(),
                              std::numeric_limits<double>::infinity());
    for (int run = 0; run <= kRuns; ++run) {
      RETURN_IF_ERROR(network->RunObserved(
          planes.data(), activation.data(),
          [&](int step, double seconds, const float*, size_t) {
            // The first run warms up.
            if (run > 0) least[step] = std::min(least[step], seconds);
          }));
    }
    const double peak = MeasuredPeak(space.arithmetic);
    const char* const name = ArithmeticName(space.arithmetic);
    facts.emplace_back(absl::StrCat(name, ", peak of a core"),
                       absl::StrFormat("%.0f GMAC/s", peak));
    for (size_t i = 0; i < steps.size(); ++i) {
      std::string text =
          absl::StrFormat("%7.3f ms  %s", 1e3 * least[i], steps[i].kernel);
      if (steps[i].gmac > 0) {
        absl::StrAppendFormat(&text, "  %.0f GMAC/s, %.2f of the peak",
                              steps[i].gmac / least[i],
                              steps[i].gmac / least[i] / peak);
      }
      facts.emplace_back(absl::StrCat(name, " ", steps[i].layer), text);
    }
  }
  return facts;
}

}  // namespace nevus
