// Are the features there that a job will need? Asked when it is submitted.
// `caller` as in services/runtime/peer_caller.h.
#ifndef NEVUS_SERVICES_TRAINING_FEATURE_CHECK_H_
#define NEVUS_SERVICES_TRAINING_FEATURE_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"

namespace nevus {

// How the user would compute what is missing of `dataset` ("isic@1"): `flags`
// as given to train.
std::string ExtractCommand(const std::string& dataset,
                           const v1::TrainRequest& flags);

// The same for features in the space of `model`.
std::string ExtractCommand(const std::string& dataset, const v1::Model& model);

// FAILED_PRECONDITION (FEATURES_MISSING, naming the command `remedy`) unless
// each image has a feature in `space`.
absl::Status CheckFeatures(const Peers& peers, const std::string& space,
                           const std::vector<v1::Example>& examples,
                           const std::string& remedy, PeerCaller caller);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_FEATURE_CHECK_H_
