// Everything that decides a feature's numbers, and the digest that names it. A
// model carries this digest; serving refuses features of another space. Pure:
// no image, no network.
#ifndef NEVUS_COMPUTE_FEATURE_FEATURE_SPACE_H_
#define NEVUS_COMPUTE_FEATURE_FEATURE_SPACE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/calibration.h"
#include "compute/image/preprocess.h"

namespace nevus {

// How an activation (channels, height, width) becomes a vector.
enum class Pooling {
  kAverage,  // over the area, one value a channel
  kMax,      // over the area, one value a channel
  kFlatten,  // all values: channel, then row, then column
};

// "avg", "max", "flatten".
const char* PoolingName(Pooling pooling);
// INVALID_ARGUMENT, reason POOLING_UNKNOWN, for any other name.
absl::StatusOr<Pooling> ParsePooling(const std::string& name);

// To which numbers a feature is rounded, where it is made: everything that
// learns from it or answers by it sees the rounded ones (feature_values.h).
enum class FeatureValues { kFp16, kFp32 };

// "fp16", "fp32".
const char* FeatureValuesName(FeatureValues values);
// "" is fp16. INVALID_ARGUMENT, reason FEATURE_VALUES_UNKNOWN, for any other
// name.
absl::StatusOr<FeatureValues> ParseFeatureValues(const std::string& name);

// INVALID_ARGUMENT, reason VIEWS_INVALID, unless 0 (meaning 1), 1 or 8.
absl::StatusOr<int> ParseViews(int views);

struct FeatureSpaceSpec {
  std::string backbone_digest;
  std::string cut;  // one name, or several with commas between them
  Pooling pooling = Pooling::kAverage;
  Arithmetic arithmetic = Arithmetic::kFp32;
  int input_size = 0;
  Normalization normalization = Normalization::kTorchvision;
  Calibration calibration;  // empty unless the arithmetic needs one
  // 1: the image as it is. 8: the feature is the mean over its eight dihedral
  // views (views.h).
  int views = 1;
  FeatureValues values = FeatureValues::kFp16;
};

// SHA-256 over every field and the version of decode, resize and normalise.
std::string FeatureSpaceDigest(const FeatureSpaceSpec& spec);

// The values in one feature of this pooling at this cut.
int FeatureDimension(const Cut& cut, Pooling pooling);
// At several cuts, whose features are joined.
int FeatureDimension(const std::vector<Cut>& cuts, Pooling pooling);

// Fills in what the user left open, but for the calibration
// (arithmetic_choice.h has it, and a better `auto`): `cut` "" is the backbone's
// default, `pool`
// "" is avg, `precision` "" or "auto" is fp32_winograd for vgg16 on a processor
// with AVX2 and fp32 elsewhere. INVALID_ARGUMENT for names that do not
// exist, FAILED_PRECONDITION, reason ARITHMETIC_UNSUPPORTED, for a precision
// that this machine or architecture lacks.
absl::StatusOr<FeatureSpaceSpec> ResolveFeatureSpace(
    const BackboneInfo& backbone, const std::string& cut,
    const std::string& pool, const std::string& precision);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_FEATURE_FEATURE_SPACE_H_
