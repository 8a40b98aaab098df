// From pixels to a network's input: resize, then the backbone's own
// normalisation. The last step on the way of an image before the network; the
// same call for training and serving. Knows no network: which normalisation a
// backbone wants is its importer's to say.
#ifndef NEVUS_COMPUTE_IMAGE_PREPROCESS_H_
#define NEVUS_COMPUTE_IMAGE_PREPROCESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "compute/image/pixels.h"

namespace nevus {

// How a value v in [0, 255] becomes a network's input. A network fed with the
// wrong one still answers, only worse, so it belongs to the feature space.
enum class Normalization {
  // "torchvision": (v / 255 - mean) / std, planes R, G, B, mean 0.485, 0.456,
  // 0.406, std 0.229, 0.224, 0.225.
  kTorchvision,
  // "caffe", Keras's VGG16 and ResNet50: v - mean, planes B, G, R, mean
  // 103.939,
  // 116.779, 123.68.
  kCaffe,
  // "tf", Keras's Inception and Xception: v / 127.5 - 1, planes R, G, B.
  kTf,
};

// The name above: stable, written into feature spaces.
const char* NormalizationName(Normalization normalization);

// INVALID_ARGUMENT with reason NORMALIZATION_UNKNOWN for any other name.
absl::StatusOr<Normalization> ParseNormalization(const std::string& name);

struct Preprocessing {
  int width = 224;
  int height = 224;
  Normalization normalization = Normalization::kTorchvision;
};

// How many pixels the shorter side of an image must have for its reduced
// decoding (DecodeImageReduced) to be as good as whole: twice the longer side
// of what it is resized to, so that the triangle of the resizing still decides
// which frequencies stay. docs/images.md has what was measured.
int ReducedLeastSide(const Preprocessing& preprocessing);

// Resizes (resize.h) and normalises `pixels` into `planes`: 3 * height * width
// floats, channel by channel, row by row (C, H, W). Thread-safe.
// REQUIRES: `pixels` is not empty; width, height >= 1.
void Preprocess(const Pixels& pixels, const Preprocessing& preprocessing,
                float* planes);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_PREPROCESS_H_
