// Can one see anything on this photograph? Asked of pixels, before a classifier
// that answers in any case.
//
// image -> [quality] -> prediction or abstention. Three measures, each with a
// threshold that no photograph of ISIC 2017 or HAM10000 falls below
// (docs/evaluation.md has the figures). Pure; knows no classifier.
#ifndef NEVUS_COMPUTE_IMAGE_QUALITY_H_
#define NEVUS_COMPUTE_IMAGE_QUALITY_H_

#include <optional>
#include <string>

#include "compute/image/pixels.h"

namespace nevus {

// Contrast and sharpness are measured on the whole image, shrunk so that its
// longer side is kMeasuredSide (never enlarged), in steps of 1 of 255: so a
// photograph and its thumbnail are judged alike.
constexpr int kMeasuredSide = 256;
struct ImageQuality {
  int shorter_side = 0;  // pixels, as it came
  // The largest of the standard deviations of red, green and blue.
  double contrast = 0;
  // The variance of the 4-neighbour Laplacian of the grey value 0.299 R + 0.587
  // G + 0.114 B, over all but the border; 0 for an image without an inside.
  double sharpness = 0;
};
ImageQuality MeasureQuality(const Pixels& pixels);

constexpr int kLeastShorterSide = 64;
constexpr double kLeastContrast = 5;
constexpr double kLeastSharpness = 4;

struct QualityProblem {
  std::string reason;   // IMAGE_TOO_SMALL, IMAGE_ONE_COLOUR, IMAGE_BLURRED
  std::string message;  // a sentence with the value and what is right
};

// The first that holds, in this order; nothing for an image that will do.
std::optional<QualityProblem> FindQualityProblem(const ImageQuality& quality);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_QUALITY_H_
