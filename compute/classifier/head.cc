// The head's arithmetic and the check of a head that was read.
//
// feature -> [head] -> prediction. It must stay free of LibTorch: serving links
// it, and a BLAS would choose the order of summation by threads and batch.
#include "compute/classifier/head.h"

#include <cmath>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// The width of an AVX-512 register. Part of the definition of a logit: another
// number of lanes is another order of summation, so other last bits.
constexpr size_t kLanes = 16;

float Dot(const float* a, const float* b, size_t size) {
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += a[i + lane] * b[i + lane];
    }
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      lanes[lane] += lanes[lane + width];
    }
  }
  return lanes[0];
}

absl::Status BadHead(const std::string& field, const std::string& problem) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("head: ", field, " ", problem,
                                              ". Train the model again")),
      "BAD_HEAD", {{"field", field}});
}

absl::Status CheckField(const std::string& field,
                        const std::vector<float>& values, size_t size) {
  if (values.size() != size) {
    return BadHead(field, absl::StrCat("has ", values.size(),
                                       " numbers; right are ", size));
  }
  for (size_t i = 0; i < size; ++i) {
    if (!std::isfinite(values[i])) {
      return BadHead(field, absl::StrCat("[", i, "] is ", values[i],
                                         "; right is a finite number"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckHead(const Head& head) {
  if (head.inputs <= 0) {
    return BadHead("inputs",
                   absl::StrCat("is ", head.inputs, "; right is 1 or more"));
  }
  if (head.hidden < 0) {
    return BadHead("hidden",
                   absl::StrCat("is ", head.hidden, "; right is 0 or more"));
  }
  const size_t inputs = head.inputs;
  const size_t hidden = head.hidden;
  RETURN_IF_ERROR(CheckField("mean", head.mean, inputs));
  RETURN_IF_ERROR(CheckField("inverse_std", head.inverse_std, inputs));
  RETURN_IF_ERROR(CheckField("w1", head.w1, hidden * inputs));
  RETURN_IF_ERROR(CheckField("b1", head.b1, hidden));
  RETURN_IF_ERROR(CheckField("w2", head.w2, hidden > 0 ? hidden : inputs));
  return CheckField("b2", {head.b2}, 1);
}

float Logit(const Head& head, const float* feature) {
  const size_t inputs = head.inputs;
  std::vector<float> z(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    z[i] = (feature[i] - head.mean[i]) * head.inverse_std[i];
  }
  if (head.hidden == 0) {
    return Dot(head.w2.data(), z.data(), inputs) + head.b2;
  }
  std::vector<float> h(head.hidden);
  for (size_t unit = 0; unit < h.size(); ++unit) {
    const float sum = Dot(&head.w1[unit * inputs], z.data(), inputs);
    // std::max would turn a NaN into 0: a broken feature must not look sane.
    h[unit] = sum + head.b1[unit];
    if (h[unit] < 0) h[unit] = 0;
  }
  return Dot(head.w2.data(), h.data(), h.size()) + head.b2;
}

double Probability(float logit) {
  return 1 / (1 + std::exp(-static_cast<double>(logit)));
}

}  // namespace nevus
