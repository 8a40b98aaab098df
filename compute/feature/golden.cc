#include "compute/feature/golden.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/image/golden_images.h"

namespace nevus {
namespace {

absl::Status Mismatch(const std::string& what) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "the loaded model does not give its golden answers: ", what,
          ". What answers here is not what was trained; it is not served. "
          "Check weights, processor and version (`nevus doctor`), or train "
          "the model anew")),
      "GOLDEN_MISMATCH");
}

}  // namespace

absl::StatusOr<std::vector<Golden>> MakeGolden(FeatureExtractor& extractor,
                                               const Head& head) {
  const std::vector<std::string> images = GoldenImages();
  const std::vector<absl::StatusOr<std::vector<float>>> features =
      extractor.Extract({images.begin(), images.end()});
  std::vector<Golden> golden;
  for (size_t i = 0; i < images.size(); ++i) {
    RETURN_IF_ERROR(features[i].status());
    golden.push_back(
        {images[i], *features[i], Logit(head, features[i]->data())});
  }
  return golden;
}

double GoldenTolerance(Arithmetic arithmetic) {
  // A unit in the last place is 6e-8 of fp32 and 4e-3 of bf16; sums of
  // thousands of products over 13 layers in another order move a feature by
  // some tens of them, Winograd's transforms by ten times more than direct
  // ones; a feature kept in halves may round to the neighbour, 2^-10 off.
  // Integers add up exactly, but a rounding between layers may fall otherwise,
  // and a step of a byte's grid is like one of bf16.
  switch (arithmetic) {
    case Arithmetic::kFp32:
    case Arithmetic::kFp32Winograd:
    case Arithmetic::kCudaFp32:
      return 2e-3;
    case Arithmetic::kBf16:
    case Arithmetic::kCudaBf16:
    case Arithmetic::kInt8:
    case Arithmetic::kInt8Winograd:
      return 5e-2;
  }
  return 0;
}

absl::Status CheckGolden(const Golden& golden, Arithmetic arithmetic,
                         const std::vector<float>& feature, double logit) {
  if (feature.size() != golden.feature.size()) {
    return Mismatch(absl::StrCat("a feature of ", feature.size(),
                                 " numbers instead of ",
                                 golden.feature.size()));
  }
  double difference = 0, length = 0;
  for (size_t i = 0; i < feature.size(); ++i) {
    const double d = double{feature[i]} - golden.feature[i];
    difference += d * d;
    length += double{golden.feature[i]} * golden.feature[i];
  }
  const double tolerance = GoldenTolerance(arithmetic);
  const double distance = std::sqrt(difference / std::max(length, 1e-30));
  // So that what is not a number is no match.
  if (!(distance <= tolerance)) {
    return Mismatch(absl::StrCat("a feature differs by ", distance,
                                 " of its length; at most ", tolerance,
                                 " is rounding"));
  }
  const double logit_tolerance =
      10 * tolerance * std::max(1.0, std::abs(golden.logit));
  if (!(std::abs(logit - golden.logit) <= logit_tolerance)) {
    return Mismatch(
        absl::StrCat("the head answers ", logit, " instead of ", golden.logit));
  }
  return absl::OkStatus();
}

}  // namespace nevus
