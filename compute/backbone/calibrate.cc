#include "compute/backbone/calibrate.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"

namespace nevus {
namespace {

float LargestMagnitude(const float* values, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    // A NaN is not less, and stays.
    if (!(std::fabs(values[i]) <= largest)) largest = std::fabs(values[i]);
  }
  return largest;
}

}  // namespace

Calibrator::Calibrator(const Layers& layers, OnednnNetwork& network,
                       size_t floats)
    : layers_(layers), network_(network), activation_(floats) {}

absl::Status Calibrator::Add(const float* planes) {
  Calibration image;
  const auto& steps = network_.steps();
  RETURN_IF_ERROR(network_.RunObserved(
      planes, activation_.data(),
      [&](int step, double, const float* values, size_t count) {
        // A layer's last step writes its output; those before prepare inputs.
        image[steps[step].layer] = LargestMagnitude(values, count);
      }));
  for (const auto& [layer, range] : image) {
    float& largest = ranges_[layer];
    largest = std::max(largest, range);
  }
  return absl::OkStatus();
}

Calibration Calibrator::Ranges() const {
  Calibration all = ranges_;
  for (const Layer& layer : layers_) {
    // A concatenation whose parts are written in place is no step of its own.
    if (all.count(layer.name) != 0) continue;
    float& range = all[layer.name];
    for (int input : layer.inputs) {
      if (input != kImage) range = std::max(range, all[layers_[input].name]);
    }
  }
  return all;
}

}  // namespace nevus
