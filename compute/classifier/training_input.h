// Is this something one can train on? Split from train.cc, which LibTorch makes
// slow to compile; feature -> [training] -> model. Knows no tensor.
#ifndef NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_
#define NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_

#include "absl/status/status.h"
#include "compute/classifier/head.h"
#include "compute/classifier/train.h"

namespace nevus {

// Every precondition of TrainHead, with the errors it documents.
absl::Status CheckTrainingInput(const TrainingSet& train,
                                const TrainingSet& validation,
                                const TrainOptions& options);

// Fills inputs, mean and inverse_std of a head from the rows of `train`.
// REQUIRES: CheckTrainingInput is OK.
Head Standardisation(const TrainingSet& train);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_
