// image -> [quality]: three numbers of the pixels, and what they mean.
#include "compute/image/quality.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/str_format.h"
#include "compute/image/resize.h"

namespace nevus {
namespace {

double Deviation(double sum, double squares, double count) {
  const double mean = sum / count;
  return std::sqrt(std::max(0.0, squares / count - mean * mean));
}

double LargestDeviation(const std::vector<float>& rgb) {
  double largest = 0;
  for (size_t channel = 0; channel < 3; ++channel) {
    double sum = 0;
    double squares = 0;
    for (size_t i = channel; i < rgb.size(); i += 3) {
      sum += rgb[i];
      squares += static_cast<double>(rgb[i]) * rgb[i];
    }
    const double count = static_cast<double>(rgb.size() / 3);
    largest = std::max(largest, Deviation(sum, squares, count));
  }
  return largest;
}

double VarianceOfLaplacian(const std::vector<float>& rgb, int width,
                           int height) {
  if (width < 3 || height < 3) return 0;
  std::vector<double> grey(rgb.size() / 3);
  for (size_t i = 0; i < grey.size(); ++i) {
    grey[i] =
        0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2];
  }
  double sum = 0;
  double squares = 0;
  for (int y = 1; y + 1 < height; ++y) {
    for (int x = 1; x + 1 < width; ++x) {
      const double* const at = &grey[static_cast<size_t>(y) * width + x];
      const double laplacian =
          at[-1] + at[1] + at[-width] + at[width] - 4 * at[0];
      sum += laplacian;
      squares += laplacian * laplacian;
    }
  }
  const double count = static_cast<double>(width - 2) * (height - 2);
  const double deviation = Deviation(sum, squares, count);
  return deviation * deviation;
}

}  // namespace

ImageQuality MeasureQuality(const Pixels& pixels) {
  const int longer = std::max(pixels.width, pixels.height);
  int width = pixels.width;
  int height = pixels.height;
  if (longer > kMeasuredSide) {
    const double scale = static_cast<double>(kMeasuredSide) / longer;
    width = std::max(1, static_cast<int>(std::lround(width * scale)));
    height = std::max(1, static_cast<int>(std::lround(height * scale)));
  }
  std::vector<float> rgb(size_t{3} * width * height);
  Resize(pixels, width, height, rgb.data());
  return {std::min(pixels.width, pixels.height), LargestDeviation(rgb),
          VarianceOfLaplacian(rgb, width, height)};
}

std::optional<QualityProblem> FindQualityProblem(const ImageQuality& quality) {
  if (quality.shorter_side < kLeastShorterSide) {
    return QualityProblem{
        "IMAGE_TOO_SMALL",
        absl::StrFormat("the image is %d pixels on its shorter side; at least "
                        "%d are needed. Send the photograph as it was taken",
                        quality.shorter_side, kLeastShorterSide)};
  }
  if (quality.contrast < kLeastContrast) {
    return QualityProblem{
        "IMAGE_ONE_COLOUR",
        absl::StrFormat("the image is nearly one colour: its contrast is %.2f "
                        "of 255, at least %g is needed. Photograph the lesion "
                        "again, with light",
                        quality.contrast, kLeastContrast)};
  }
  if (quality.sharpness < kLeastSharpness) {
    return QualityProblem{
        "IMAGE_BLURRED",
        absl::StrFormat("the image is blurred: its sharpness (variance of the "
                        "Laplacian) is %.2f, at least %g is needed. Photograph "
                        "the lesion again, in focus",
                        quality.sharpness, kLeastSharpness)};
  }
  return std::nullopt;
}

}  // namespace nevus
