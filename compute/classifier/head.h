// The classifier's head: a feature goes in, one number comes out.
//
// image -> dataset -> feature -> [head] -> prediction. Training (train.h) makes
// a head, the model registry stores it, serving and evaluation call it: the
// same function in all of them, so that one feature gives one probability. It
// knows no tensor library, no file format and no RPC.
#ifndef NEVUS_COMPUTE_CLASSIFIER_HEAD_H_
#define NEVUS_COMPUTE_CLASSIFIER_HEAD_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"

namespace nevus {

//   z     = (feature - mean) * inverse_std               elementwise
//   h     = max(0, w1 z + b1)                            if hidden > 0, else z
//   logit = w2 . h + b2
//
// Dropout exists in training only (inverted there, so nothing is scaled here).
// A value: copy it freely; const use is thread-safe.
struct Head {
  int inputs = 0;  // length of a feature, > 0
  int hidden = 0;  // 0: no hidden layer, plain logistic regression

  // Standardisation; `inputs` numbers each. An inverse_std of 0 ignores the
  // input: it was constant over the training rows.
  std::vector<float> mean;
  std::vector<float> inverse_std;

  std::vector<float> w1;  // hidden x inputs, row-major; empty if hidden == 0
  std::vector<float> b1;  // hidden; empty if hidden == 0
  std::vector<float> w2;  // hidden, or inputs if hidden == 0
  float b2 = 0;
};

// INVALID_ARGUMENT naming the field (reason BAD_HEAD, metadata `field`) unless
// all sizes agree and all numbers are finite. Call it on a head that was read.
absl::Status CheckHead(const Head& head);

// The head's answer for `feature`, `head.inputs` numbers. Sums run in a fixed
// order: the same feature gives the same bits, on any thread, in any batch.
// REQUIRES: CheckHead(head) is OK. A feature that is not finite gives NaN or an
// infinity.
float Logit(const Head& head, const float* feature);

// The same for `count` features, one after the other: logits[i] is
// Logit(head, features + i * head.inputs), bit for bit, several times faster
// than one by one.
void Logits(const Head& head, const float* features, size_t count,
            float* logits);

// The logistic function, in [0,1]: not yet a calibrated probability, since a
// class-weighted training assumes both classes to be equally frequent.
double Probability(float logit);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_HEAD_H_
