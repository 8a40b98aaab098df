// Measures how large the values in a network get on sample images.
#ifndef NEVUS_COMPUTE_BACKBONE_CALIBRATE_H_
#define NEVUS_COMPUTE_BACKBONE_CALIBRATE_H_

#include <vector>

#include "absl/status/status.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/onednn_network.h"

namespace nevus {

// For one thread at a time.
class Calibrator {
 public:
  // REQUIRES: `network` computes `layers` in fp32, and gives `floats` values;
  // both outlive this.
  Calibrator(const Layers& layers, OnednnNetwork& network, size_t floats);

  // One more image, as Network::Run takes it.
  absl::Status Add(const float* planes);

  // Of all images until now: the largest magnitude in each layer's output.
  Calibration Ranges() const;

 private:
  const Layers& layers_;
  OnednnNetwork& network_;
  std::vector<float> activation_;
  Calibration ranges_;  // of the layers that a step computes
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_CALIBRATE_H_
