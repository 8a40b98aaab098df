// All that a model says of one feature: logit, calibrated probability, and
// whether it may say anything at all.
//
// feature -> [head, calibration, out of distribution] -> prediction. Evaluation
// and serving call Judge and nothing else, so that a threshold means in one
// what it means in the other. Knows no operating point and no pixels.
#ifndef NEVUS_COMPUTE_CLASSIFIER_CLASSIFIER_H_
#define NEVUS_COMPUTE_CLASSIFIER_CLASSIFIER_H_

#include <optional>

#include "compute/classifier/calibration.h"
#include "compute/classifier/head.h"
#include "compute/classifier/ood_detector.h"

namespace nevus {

// A value; const use is thread-safe. Its parts have passed their checks, and
// head and detector take features of one length.
struct Classifier {
  Head head;
  ScoreCalibration calibration;
  // Absent where features are too long for one, or the model is from before
  // there were any: it abstains from nothing.
  std::optional<OodDetector> ood;
};

struct Judgement {
  float logit = 0;
  double probability = 0;  // calibrated
  double ood_distance = 0;
  bool out_of_distribution = false;
};

// `feature`: classifier.head.inputs numbers. The same bits for the same feature
// on any thread. A distance that is not finite is out of distribution.
Judgement Judge(const Classifier& classifier, const float* feature);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_CLASSIFIER_H_
