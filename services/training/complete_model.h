// From a trained head to all that decides a prediction: calibration, operating
// points, and what the model will not judge. Pure: features in, a model's
// fields out.
#ifndef NEVUS_SERVICES_TRAINING_COMPLETE_MODEL_H_
#define NEVUS_SERVICES_TRAINING_COMPLETE_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/classifier/head.h"
#include "compute/classifier/train.h"
#include "compute/evaluation/operating_point.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"

namespace nevus {

// What compute works with; the default rules if there are none. Errors:
// INVALID_ARGUMENT: a name that is none (NAME_INVALID), no rule or one out of
// range, a name twice, or more than 16 (OPERATING_POINT_INVALID).
absl::StatusOr<std::vector<OperatingPointRule>> ToRules(
    const google::protobuf::RepeatedPtrField<v1::OperatingPointRule>& rules);

// INVALID_ARGUMENT (OOD_RATE_INVALID) unless it is 0 or more and below 1.
absl::Status CheckOodRate(double rate);

// Fills head, calibration, operating points and drift baseline of `model` from
// `head`: the calibration and, on its probabilities, the thresholds from
// `validation`; the detector from `train`, its threshold from `validation`; the
// baseline's scores from `validation`, its features from `train`. Returns what
// a log should say of it, a line each. Errors: those of ToRules, CheckOodRate,
// ChooseCalibration and ChooseOperatingPoints.
absl::StatusOr<std::vector<std::string>> CompleteModel(
    const Head& head, const TrainingSet& train, const TrainingSet& validation,
    const v1::TrainTask& task, v1::Model& model);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_COMPLETE_MODEL_H_
