// Which arithmetic `--precision auto` takes, and the grids of int8: found by
// trying a backbone on images. Reads no dataset; stores nothing.
#ifndef NEVUS_COMPUTE_FEATURE_ARITHMETIC_CHOICE_H_
#define NEVUS_COMPUTE_FEATURE_ARITHMETIC_CHOICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/calibration.h"
#include "compute/feature/feature_space.h"

namespace nevus {

// The first so many images measure the grids, the last are the check; with
// fewer images than both, some do both.
constexpr int kCalibrationImages = 24, kCheckImages = 8;

// One arithmetic, tried.
struct ArithmeticTrial {
  Arithmetic arithmetic = Arithmetic::kFp32;
  // |feature - fp32's| / |fp32's| in the Euclidean norm, over all images of the
  // check. Not finite: it overflowed.
  double error = 0;
  double images_per_second = 0;
};

// The largest error that `auto` takes. It tells a sound kernel from a broken
// one for fp32 (and Winograd), and for the shorter ones what the features may
// lose: docs/backbones.md.
double LargestError(Arithmetic arithmetic);

struct ArithmeticChoice {
  Arithmetic arithmetic = Arithmetic::kFp32;
  std::string reason;  // for people: each trial and what it came to
};

// The fastest whose error is small enough. Pure. REQUIRES: fp32 is among
// `trials`.
ArithmeticChoice ChooseFastest(const std::vector<ArithmeticTrial>& trials);

// Preprocessed images: 3 x S x S floats each.
using Planes = std::vector<std::vector<float>>;

// Decodes and preprocesses `images` for `backbone`. What does not decode is
// left out: whoever computes its feature says so.
Planes PreparePlanes(const BackboneInfo& backbone,
                     const std::vector<std::string>& images);

// Measures the grids up to `cut` (as FindCuts) on the first kCalibrationImages
// of `images`. FAILED_PRECONDITION, reason CALIBRATION_IMPOSSIBLE, without
// images; ARITHMETIC_UNSUPPORTED for TorchScript.
absl::StatusOr<Calibration> Calibrate(const Backbone& backbone,
                                      const std::string& cut,
                                      const Planes& images, int threads);

// Tries every arithmetic that backbone and processor have on the last
// kCheckImages of `images`, on `threads` cores; with an empty calibration none
// of those that need one. Without images: fp32_winograd or else fp32, which
// need no proof. Errors as Backbone::NewNetwork.
absl::StatusOr<ArithmeticChoice> ChooseArithmetic(
    const Backbone& backbone, const std::string& cut, Pooling pooling,
    const Calibration& calibration, const Planes& images, int threads);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_ARITHMETIC_CHOICE_H_
