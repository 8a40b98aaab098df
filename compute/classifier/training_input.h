// Is this something one can train on? Split from train.cc, which LibTorch makes
// slow to compile; feature -> [training] -> model. Knows no tensor.
#ifndef NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_
#define NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compute/classifier/head.h"
#include "compute/classifier/train.h"

namespace nevus {

// Every precondition of TrainHead, with the errors it documents, but for
// FEATURE_NOT_FINITE: who reads all rows anyway looks for it.
absl::Status CheckTrainingInput(const TrainingSet& train,
                                const TrainingSet& validation,
                                const TrainOptions& options);

// Fills inputs, mean and inverse_std of a head from the rows of `train`, which
// it reads twice. REQUIRES: CheckTrainingInput is OK. Errors:
// FEATURE_NOT_FINITE, those of reading.
absl::StatusOr<Head> Standardisation(const TrainingSet& train);

// FEATURE_NOT_FINITE, or an error of reading.
absl::Status CheckFinite(const TrainingSet& set, const std::string& split);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TRAINING_INPUT_H_
