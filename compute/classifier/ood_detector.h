// Is this feature unlike anything the model was trained on?
//
// feature -> [out of distribution?] -> prediction or abstention. A classifier
// answers for a page of text as surely as for a mole. The distance of a feature
// from the training features tells them apart: Mahalanobis's, of features
// scaled to length 1, with the covariance shrunk after Ledoit and Wolf (J.
// Multivariate Analysis 88, 2004). Why this one: docs/adr/0024. Pure; knows no
// label, no image and no store.
#ifndef NEVUS_COMPUTE_CLASSIFIER_OOD_DETECTOR_H_
#define NEVUS_COMPUTE_CLASSIFIER_OOD_DETECTOR_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"

namespace nevus {

//   u        = feature / |feature|
//   distance = |W (u - mean)|,  W lower triangular, W^T W = covariance^-1
//
// A value: copy it freely; const use is thread-safe.
struct OodDetector {
  int inputs = 0;  // length of a feature, > 0
  std::vector<float> mean;
  // W's rows up to the diagonal: 1 number, 2, ..., `inputs` numbers.
  std::vector<float> whitening;
  double threshold = 0;  // abstain if the distance is above it
  double rate = 0;       // the share of validation that it was set for
  double shrinkage = 0;  // towards a multiple of the identity, (0,1]
};

// The longest feature that has a detector: 2 million numbers in its model.
// Flattened activations are longer.
constexpr int kMostOodInputs = 2048;
// Covariances come from this many rows, evenly spaced, if there are more.
constexpr int64_t kMostOodRows = 10000;
// The share of validation cases that a model abstains on, unless told.
constexpr double kDefaultOodRate = 0.02;

// INVALID_ARGUMENT (OOD_DETECTOR_INVALID, metadata `field`) unless all sizes
// agree and all numbers are finite. Call it on one that was read.
absl::Status CheckOodDetector(const OodDetector& detector);

// `feature`: detector.inputs numbers. The same bits for the same feature, on
// any thread. A feature of length 0 counts as u = 0; one that is not finite
// gives NaN. REQUIRES: CheckOodDetector is OK.
double OodDistance(const OodDetector& detector, const float* feature);

// Which of so many training rows to fit on: numbers from 0, rising.
std::vector<int64_t> OodSample(int64_t rows);

// Mean and whitening from the features in `rows`, one after the other; the
// threshold is left 0. Nothing if features are longer than kMostOodInputs, or
// fewer than two of them differ: then there is no spread to measure by.
std::optional<OodDetector> FitOodDetector(int inputs,
                                          const std::vector<float>& rows);

// The least threshold above which lie at most `rate` of the distances: of 150
// at 0.02 the fourth highest, so that 3 are above. REQUIRES: distances; rate in
// [0,1).
double OodThreshold(std::vector<double> distances, double rate);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_OOD_DETECTOR_H_
