// How large the values in a network get: what eight bits need to know.
//
// Measured on sample images in fp32, part of the feature space's identity: the
// same weights with other ranges give other features.
#ifndef NEVUS_COMPUTE_BACKBONE_CALIBRATION_H_
#define NEVUS_COMPUTE_BACKBONE_CALIBRATION_H_

#include <map>
#include <string>

namespace nevus {

// By the layer's name: the magnitude that its output's integers reach up to;
// larger values saturate. Empty for every arithmetic but int8.
using Calibration = std::map<std::string, float>;

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_CALIBRATION_H_
