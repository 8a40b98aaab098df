// feature -> [head, calibration, out of distribution] -> prediction.
#include "compute/classifier/classifier.h"

namespace nevus {

Judgement Judge(const Classifier& classifier, const float* feature) {
  Judgement judgement;
  judgement.logit = Logit(classifier.head, feature);
  judgement.probability = Calibrated(classifier.calibration, judgement.logit);
  if (classifier.ood.has_value()) {
    judgement.ood_distance = OodDistance(*classifier.ood, feature);
    // Negated, so that NaN is out too.
    judgement.out_of_distribution =
        !(judgement.ood_distance <= classifier.ood->threshold);
  }
  return judgement;
}

}  // namespace nevus
