#include "compute/image/preprocess.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/image/resize.h"

namespace nevus {
namespace {

// One plane: scale * v + offset of channel 0 (R), 1 (G) or 2 (B).
struct Plane {
  int channel;
  float scale;
  float offset;
};

void Fill(const float* __restrict row, size_t width, const Plane& plane,
          float* __restrict to) {
  for (size_t x = 0; x < width; ++x) {
    to[x] = plane.scale * row[3 * x + plane.channel] + plane.offset;
  }
}

constexpr Plane Standardized(int channel, double mean, double std) {
  return {channel, static_cast<float>(1 / (255 * std)),
          static_cast<float>(-mean / std)};
}

std::array<Plane, 3> PlanesOf(Normalization normalization) {
  switch (normalization) {
    case Normalization::kTorchvision:
      return {Standardized(0, 0.485, 0.229), Standardized(1, 0.456, 0.224),
              Standardized(2, 0.406, 0.225)};
    case Normalization::kCaffe:
      return {Plane{2, 1, -103.939f}, Plane{1, 1, -116.779f},
              Plane{0, 1, -123.68f}};
    case Normalization::kTf:
      break;
  }
  return {Standardized(0, 0.5, 0.5), Standardized(1, 0.5, 0.5),
          Standardized(2, 0.5, 0.5)};
}

}  // namespace

const char* NormalizationName(Normalization normalization) {
  switch (normalization) {
    case Normalization::kTorchvision:
      return "torchvision";
    case Normalization::kCaffe:
      return "caffe";
    case Normalization::kTf:
      break;
  }
  return "tf";
}

absl::StatusOr<Normalization> ParseNormalization(const std::string& name) {
  for (Normalization normalization :
       {Normalization::kTorchvision, Normalization::kCaffe,
        Normalization::kTf}) {
    if (name == NormalizationName(normalization)) return normalization;
  }
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "normalization ", Quoted(name),
                        " is not known; take torchvision, caffe or tf, "
                        "whichever the weights were trained with")),
                    "NORMALIZATION_UNKNOWN");
}

int ReducedLeastSide(const Preprocessing& preprocessing) {
  return 2 * std::max(preprocessing.width, preprocessing.height);
}

void Preprocess(const Pixels& pixels, const Preprocessing& preprocessing,
                float* planes) {
  const size_t width = preprocessing.width;
  const size_t area = width * preprocessing.height;
  const std::array<Plane, 3> plan = PlanesOf(preprocessing.normalization);
  RowResizer resizer(pixels, preprocessing.width, preprocessing.height);
  std::vector<float> row(3 * width);
  for (int y = 0; y < preprocessing.height; ++y) {
    resizer.Row(y, row.data());
    float* to = planes + width * y;
    for (const Plane& plane : plan) {
      Fill(row.data(), width, plane, to);
      to += area;
    }
  }
}

}  // namespace nevus
