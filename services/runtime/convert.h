// The contract's messages to what compute works with, and back. One place, so
// that training, evaluation and serving cannot read a model differently. Pure.
#ifndef NEVUS_SERVICES_RUNTIME_CONVERT_H_
#define NEVUS_SERVICES_RUNTIME_CONVERT_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <string>

#include "absl/status/statusor.h"
#include "compute/backbone/backbone.h"
#include "compute/backbone/calibration.h"
#include "compute/classifier/classifier.h"
#include "compute/classifier/head.h"
#include "compute/feature/feature_space.h"
#include "protos/nevus/v1/backbone.pb.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/feature.pb.h"
#include "protos/nevus/v1/model.pb.h"

namespace nevus {

// "train", "validation", "test"; INVALID_ARGUMENT, reason SPLIT_UNKNOWN, for
// any other name.
absl::StatusOr<v1::Split> ParseSplit(const std::string& name);
std::string SplitName(v1::Split split);

// INVALID_ARGUMENT for a normalisation that this version does not know.
absl::StatusOr<BackboneInfo> ToBackboneInfo(const v1::Backbone& backbone);

// All but the output-only fields.
v1::FeatureSpace ToProto(const FeatureSpaceSpec& spec, int dimension);

// In order of the layers' names.
google::protobuf::RepeatedPtrField<v1::LayerRange> ToProto(
    const Calibration& calibration);
Calibration ToCalibration(
    const google::protobuf::RepeatedPtrField<v1::LayerRange>& ranges);

// INVALID_ARGUMENT (BAD_HEAD) unless CheckHead accepts it.
absl::StatusOr<Head> ToHead(const v1::Head& head);
v1::Head ToProto(const Head& head);

// Head, calibration and detector of a model, checked: INVALID_ARGUMENT
// (BAD_HEAD, CALIBRATION_INVALID, CALIBRATION_UNKNOWN, OOD_DETECTOR_INVALID).
absl::StatusOr<Classifier> ToClassifier(const v1::Model& model);
// Into head, calibration and detector of `model`.
void SetClassifier(const Classifier& classifier, v1::Model& model);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_CONVERT_H_
