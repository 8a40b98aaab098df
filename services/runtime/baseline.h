// A model's baseline and what is found against it, between the contract's
// messages and compute/evaluation/drift.h. Pure.
#ifndef NEVUS_SERVICES_RUNTIME_BASELINE_H_
#define NEVUS_SERVICES_RUNTIME_BASELINE_H_

#include "absl/status/statusor.h"
#include "compute/evaluation/drift.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction_log.pb.h"

namespace nevus {

v1::Baseline ToProto(const DriftBaseline& baseline);

// That of a model; an absent one is empty. INVALID_ARGUMENT (BASELINE_INVALID)
// unless CheckBaseline accepts it.
absl::StatusOr<DriftBaseline> BaselineOf(const v1::Model& model);

v1::Drift ToProto(const Drift& drift);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_BASELINE_H_
