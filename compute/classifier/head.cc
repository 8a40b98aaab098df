// The head's arithmetic and the check of a head that was read.
//
// feature -> [head] -> prediction. It must stay free of LibTorch: serving links
// it, and a BLAS would choose the order of summation by threads and batch.
#include "compute/classifier/head.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/classifier/instruction_sets.h"
#include "compute/classifier/vector_math.h"

namespace nevus {
namespace {

// The width of an AVX-512 register. Part of the definition of a logit: another
// number of lanes is another order of summation, so other last bits.
constexpr size_t kLanes = 16;

// kLanes sums side by side. On narrower processors the compiler takes several
// registers for it: the same sums.
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

// `a` . `b` for each of A rows of `a` with each of B rows of `b`, row by row
// `size` apart: dots[i * stride + j]. Each product is the same sum in the same
// order whatever A and B are: lane k adds up the elements k, k + kLanes, ...,
// and the lanes are then added half to half.
template <size_t A, size_t B>
inline NEVUS_LOOP void Dots(const float* a, const float* b, size_t size,
                            size_t stride, float* dots) {
  Lanes sums[A][B] = {};
  size_t at = 0;
  for (; at + kLanes <= size; at += kLanes) {
    Lanes right[B];
    for (size_t j = 0; j < B; ++j) {
      std::memcpy(&right[j], b + j * size + at, sizeof(Lanes));
    }
    for (size_t i = 0; i < A; ++i) {
      Lanes left;
      std::memcpy(&left, a + i * size + at, sizeof(Lanes));
      for (size_t j = 0; j < B; ++j) sums[i][j] += left * right[j];
    }
  }
  for (size_t i = 0; i < A; ++i) {
    for (size_t j = 0; j < B; ++j) {
      float lanes[kLanes];
      std::memcpy(lanes, &sums[i][j], sizeof(lanes));
      for (size_t rest = at, lane = 0; rest < size; ++rest, ++lane) {
        lanes[lane] += a[i * size + rest] * b[j * size + rest];
      }
      for (size_t width = kLanes / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; ++lane) {
          lanes[lane] += lanes[lane + width];
        }
      }
      dots[i * stride + j] = lanes[0];
    }
  }
}

// All rows of `a` with all rows of `b`: dots[i * b_rows + j]. A block of each
// stays in the registers, and a block of `b` in the cache for all of `a`.
void AllDots(const float* a, size_t a_rows, const float* b, size_t b_rows,
             size_t size, float* dots) {
  constexpr size_t kBlock = 4;
  RunOnBest([&]() NEVUS_LOOP {
    size_t j = 0;
    for (; j + kBlock <= b_rows; j += kBlock) {
      const float* const right = b + j * size;
      size_t i = 0;
      for (; i + kBlock <= a_rows; i += kBlock) {
        Dots<kBlock, kBlock>(a + i * size, right, size, b_rows,
                             dots + i * b_rows + j);
      }
      for (; i < a_rows; ++i) {
        Dots<1, kBlock>(a + i * size, right, size, b_rows,
                        dots + i * b_rows + j);
      }
    }
    for (; j < b_rows; ++j) {
      for (size_t i = 0; i < a_rows; ++i) {
        Dots<1, 1>(a + i * size, b + j * size, size, b_rows,
                   dots + i * b_rows + j);
      }
    }
  });
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
  float logit;
  Logits(head, feature, 1, &logit);
  return logit;
}

void Logits(const Head& head, const float* features, size_t count,
            float* logits) {
  const size_t inputs = head.inputs;
  const size_t hidden = head.hidden;
  std::vector<float> z(count * inputs);
  for (size_t row = 0; row < count; ++row) {
    Standardise(features + row * inputs, head.mean.data(),
                head.inverse_std.data(), inputs, &z[row * inputs]);
  }
  if (hidden == 0) {
    AllDots(z.data(), count, head.w2.data(), 1, inputs, logits);
  } else {
    std::vector<float> h(count * hidden);
    AllDots(z.data(), count, head.w1.data(), hidden, inputs, h.data());
    for (size_t i = 0; i < h.size(); ++i) {
      // std::max would turn a NaN into 0: a broken feature must not look sane.
      h[i] += head.b1[i % hidden];
      if (h[i] < 0) h[i] = 0;
    }
    AllDots(h.data(), count, head.w2.data(), 1, hidden, logits);
  }
  for (size_t row = 0; row < count; ++row) logits[row] += head.b2;
}

double Probability(float logit) {
  return 1 / (1 + std::exp(-static_cast<double>(logit)));
}

}  // namespace nevus
