#include "compute/feature/arithmetic_choice.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status.h"
#include "compute/backbone/calibrate.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network.h"
#include "compute/backbone/onednn_network.h"
#include "compute/feature/pooling.h"
#include "compute/image/decode.h"
#include "compute/image/pixels.h"
#include "compute/image/preprocess.h"

namespace nevus {
namespace {

size_t Floats(const std::vector<Cut>& cuts) {
  size_t floats = 0;
  for (const Cut& cut : cuts) {
    floats += size_t{1} * cut.channels * cut.height * cut.width;
  }
  return floats;
}

std::vector<std::string> Names(const std::vector<Cut>& cuts) {
  std::vector<std::string> names;
  for (const Cut& cut : cuts) names.push_back(cut.name);
  return names;
}

// A network's features of the check's images, and its speed.
struct Tried {
  std::vector<float> features;  // one behind the other
  double images_per_second = 0;
};

absl::StatusOr<Tried> Try(const Backbone& backbone,
                          const std::vector<Cut>& cuts, Pooling pooling,
                          Arithmetic arithmetic, const Calibration& calibration,
                          const float* const* images, size_t count,
                          int threads) {
  ASSIGN_OR_RETURN(
      const std::unique_ptr<Network> network,
      backbone.NewNetwork(CutNames(cuts), arithmetic, calibration, threads));
  Tried tried;
  std::vector<float> activation(Floats(cuts));
  std::vector<float> feature(FeatureDimension(cuts, pooling));
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < count; ++i) {
    const Stopwatch watch;
    RETURN_IF_ERROR(network->Run(images[i], activation.data()));
    least = std::min(least, watch.Seconds());
    PoolAll(activation.data(), cuts, pooling, feature.data());
    tried.features.insert(tried.features.end(), feature.begin(), feature.end());
  }
  // The best of them: other load only slows.
  tried.images_per_second = 1 / std::max(least, 1e-9);
  return tried;
}

double RelativeError(const std::vector<float>& found,
                     const std::vector<float>& wanted) {
  double difference = 0, size = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double by = double{found[i]} - wanted[i];
    difference += by * by;
    size += double{wanted[i]} * wanted[i];
  }
  // All features zero: nothing may differ.
  if (size == 0) {
    return difference == 0 ? 0 : std::numeric_limits<double>::infinity();
  }
  return std::sqrt(difference / size);
}

bool Passes(const ArithmeticTrial& trial) {
  // A NaN does not.
  return trial.error <= LargestError(trial.arithmetic);
}

}  // namespace

double LargestError(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFp32:
    case Arithmetic::kFp32Winograd:
    case Arithmetic::kCudaFp32:
      return 1e-4;
    case Arithmetic::kBf16:
    case Arithmetic::kCudaBf16:
      return 0.01;
    case Arithmetic::kInt8:
    case Arithmetic::kInt8Winograd:
      return 0.02;
  }
  return 0;
}

ArithmeticChoice ChooseFastest(const std::vector<ArithmeticTrial>& trials) {
  const ArithmeticTrial* fastest = nullptr;
  std::vector<std::string> lines;
  for (const ArithmeticTrial& trial : trials) {
    const bool passes = Passes(trial);
    lines.push_back(absl::StrFormat(
        "%s %.1f images/s, error %.2g%s", ArithmeticName(trial.arithmetic),
        trial.images_per_second, trial.error,
        passes ? ""
               : absl::StrFormat(" (refused: over %g)",
                                 LargestError(trial.arithmetic))));
    if (passes && (fastest == nullptr ||
                   trial.images_per_second > fastest->images_per_second)) {
      fastest = &trial;
    }
  }
  ArithmeticChoice choice;
  if (fastest != nullptr) choice.arithmetic = fastest->arithmetic;
  choice.reason = absl::StrCat("auto took ", ArithmeticName(choice.arithmetic),
                               ": ", absl::StrJoin(lines, "; "));
  return choice;
}

Planes PreparePlanes(const BackboneInfo& backbone,
                     const std::vector<std::string>& images) {
  const int side = backbone.input_size;
  Planes planes;
  for (const std::string& image : images) {
    const absl::StatusOr<Pixels> pixels = DecodeImage(image);
    if (!pixels.ok()) continue;
    planes.emplace_back(size_t{3} * side * side);
    Preprocess(*pixels, {side, side, backbone.normalization},
               planes.back().data());
  }
  return planes;
}

absl::StatusOr<Calibration> Calibrate(const Backbone& backbone,
                                      const std::string& cut,
                                      const Planes& images, int threads) {
  const NetworkTable* const table = backbone.table();
  if (table == nullptr) {
    return CheckArithmetic(backbone.info(), Arithmetic::kInt8);
  }
  if (images.empty()) {
    return WithReason(
        absl::FailedPreconditionError(
            "int8 needs images to measure its ranges on, and there are none "
            "outside of the test split. Use --precision fp32"),
        "CALIBRATION_IMPOSSIBLE");
  }
  ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(backbone.info(), cut));
  const Layers layers = CutAtAll(table->layers, Names(cuts));
  const Arithmetic fastest_exact =
      CheckArithmetic(backbone.info(), Arithmetic::kFp32Winograd).ok()
          ? Arithmetic::kFp32Winograd
          : Arithmetic::kFp32;
  ASSIGN_OR_RETURN(
      const std::unique_ptr<OnednnNetwork> network,
      NewOnednnNetwork(layers, Names(cuts), table->weights, fastest_exact, {},
                       backbone.info().input_size, threads));
  Calibrator calibrator(layers, *network, Floats(cuts));
  for (size_t i = 0; i < images.size() && i < kCalibrationImages; ++i) {
    RETURN_IF_ERROR(calibrator.Add(images[i].data()));
  }
  return calibrator.Ranges();
}

absl::StatusOr<ArithmeticChoice> ChooseArithmetic(
    const Backbone& backbone, const std::string& cut, Pooling pooling,
    const Calibration& calibration, const Planes& images, int threads) {
  const BackboneInfo& info = backbone.info();
  ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(info, cut));
  if (images.empty() || backbone.table() == nullptr) {
    ArithmeticChoice plain;
    if (CheckArithmetic(info, Arithmetic::kFp32Winograd).ok()) {
      plain.arithmetic = Arithmetic::kFp32Winograd;
    }
    plain.reason = absl::StrCat("auto took ", ArithmeticName(plain.arithmetic),
                                " untried");
    return plain;
  }
  std::vector<const float*> check;
  for (size_t i = images.size() > kCheckImages ? images.size() - kCheckImages
                                               : 0;
       i < images.size(); ++i) {
    check.push_back(images[i].data());
  }
  std::vector<ArithmeticTrial> trials;
  std::vector<float> exact;
  for (Arithmetic arithmetic : Arithmetics()) {
    if (!CheckArithmetic(info, arithmetic).ok()) continue;
    if (NeedsCalibration(arithmetic) && calibration.empty()) continue;
    ASSIGN_OR_RETURN(const Tried tried,
                     Try(backbone, cuts, pooling, arithmetic, calibration,
                         check.data(), check.size(), threads));
    if (arithmetic == Arithmetic::kFp32) exact = tried.features;
    trials.push_back({arithmetic, RelativeError(tried.features, exact),
                      tried.images_per_second});
  }
  return ChooseFastest(trials);
}

}  // namespace nevus
