#include "compute/feature/feature_space.h"

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/cpu.h"

namespace nevus {
namespace {

// Raised whenever decoding, resizing, normalising or a kernel gives other bits
// than before: features of before and after must not be mixed.
constexpr char kVersion[] = "nevus feature space 2";

absl::StatusOr<Arithmetic> ResolveArithmetic(const BackboneInfo& backbone,
                                             const std::string& precision) {
  if (precision.empty() || precision == "auto") {
    return backbone.arch == "vgg16" && HasAvx2() ? Arithmetic::kFp32Winograd
                                                 : Arithmetic::kFp32;
  }
  return ParseArithmetic(precision);
}

}  // namespace

const char* PoolingName(Pooling pooling) {
  switch (pooling) {
    case Pooling::kAverage:
      return "avg";
    case Pooling::kMax:
      return "max";
    case Pooling::kFlatten:
      return "flatten";
  }
  return "?";
}

absl::StatusOr<Pooling> ParsePooling(const std::string& name) {
  for (Pooling pooling :
       {Pooling::kAverage, Pooling::kMax, Pooling::kFlatten}) {
    if (name == PoolingName(pooling)) return pooling;
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "pooling ", Quoted(name),
          " is not known; it is avg, max or flatten. Choose one of them")),
      "POOLING_UNKNOWN", {{"pooling", name}});
}

const char* FeatureValuesName(FeatureValues values) {
  return values == FeatureValues::kFp16 ? "fp16" : "fp32";
}

absl::StatusOr<FeatureValues> ParseFeatureValues(const std::string& name) {
  if (name.empty()) return FeatureValues::kFp16;
  for (FeatureValues values : {FeatureValues::kFp16, FeatureValues::kFp32}) {
    if (name == FeatureValuesName(values)) return values;
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "features cannot be kept as ", Quoted(name),
                        "; they are as fp16 or fp32. Choose one of them")),
                    "FEATURE_VALUES_UNKNOWN", {{"values", name}});
}

absl::StatusOr<int> ParseViews(int views) {
  if (views == 0 || views == 1) return 1;
  if (views == 8) return 8;
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          views,
          " views of an image are not possible; 1 is the image as it "
          "is and 8 are all its flips and quarter turns. Choose one of them")),
      "VIEWS_INVALID", {{"views", absl::StrCat(views)}});
}

std::string FeatureSpaceDigest(const FeatureSpaceSpec& spec) {
  Sha256 digest;
  digest.UpdateField(kVersion);
  digest.UpdateField(spec.backbone_digest);
  digest.UpdateField(spec.cut);
  digest.UpdateField(PoolingName(spec.pooling));
  digest.UpdateField(ArithmeticName(spec.arithmetic));
  digest.UpdateField(std::to_string(spec.input_size));
  digest.UpdateField(NormalizationName(spec.normalization));
  for (const auto& [layer, range] : spec.calibration) {
    digest.UpdateField(layer);
    digest.UpdateField({reinterpret_cast<const char*>(&range), sizeof(range)});
  }
  digest.UpdateField(std::to_string(spec.views));
  digest.UpdateField(FeatureValuesName(spec.values));
  return digest.Hex();
}

int FeatureDimension(const Cut& cut, Pooling pooling) {
  return pooling == Pooling::kFlatten ? cut.channels * cut.height * cut.width
                                      : cut.channels;
}

int FeatureDimension(const std::vector<Cut>& cuts, Pooling pooling) {
  int dimension = 0;
  for (const Cut& cut : cuts) dimension += FeatureDimension(cut, pooling);
  return dimension;
}

absl::StatusOr<FeatureSpaceSpec> ResolveFeatureSpace(
    const BackboneInfo& backbone, const std::string& cut,
    const std::string& pool, const std::string& precision) {
  FeatureSpaceSpec spec;
  spec.backbone_digest = backbone.digest;
  ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(backbone, cut));
  spec.cut = CutNames(cuts);
  ASSIGN_OR_RETURN(spec.pooling, ParsePooling(pool.empty() ? "avg" : pool));
  ASSIGN_OR_RETURN(spec.arithmetic, ResolveArithmetic(backbone, precision));
  RETURN_IF_ERROR(CheckArithmetic(backbone, spec.arithmetic));
  spec.input_size = backbone.input_size;
  spec.normalization = backbone.normalization;
  return spec;
}

}  // namespace nevus
