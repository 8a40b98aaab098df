// Where on the image does the answer come from? A sum, place by place.
//
// image -> activation -> feature -> logit -> [contribution map]. A head with
// ReLUs is linear around each feature, so its logit there is a constant plus
// gradient . (feature - mean of the training features); and a pooled feature is
// a sum over the places of the activation. So the logit falls apart exactly
// into one contribution a place (class activation mapping, Zhou et al., CVPR
// 2016, carried through the head). Of several views, whose mean the feature is,
// the map is the mean of theirs, each turned back. No second pass through the
// network, no automatic differentiation. Pure; knows no image and no file.
#ifndef NEVUS_COMPUTE_EXPLANATION_CONTRIBUTION_MAP_H_
#define NEVUS_COMPUTE_EXPLANATION_CONTRIBUTION_MAP_H_

#include <vector>

#include "compute/backbone/backbone.h"
#include "compute/classifier/head.h"
#include "compute/feature/feature_space.h"

namespace nevus {

struct ContributionMap {
  int width = 0;
  int height = 0;
  // Row by row. Above 0: what is there speaks for the positive class, more than
  // there would on the average training image.
  std::vector<float> contributions;
  // What is left: contributions add up to the logit less this.
  double base = 0;
};

// The gradient of Logit at `feature`, head.inputs numbers. At a hidden unit's
// kink it takes the side where the unit is off.
std::vector<float> LogitGradient(const Head& head, const float* feature);

// `activations`: cut.channels x cut.height x cut.width of each view, by its
// number (compute/feature/views.h); `feature`: the mean of what Pool makes of
// them, head.inputs numbers. A maximum belongs to the first place that has it.
// REQUIRES: the head takes features of this cut and pooling; of several views,
// the cut is square.
ContributionMap MapContributions(
    const Head& head, const std::vector<std::vector<float>>& activations,
    const float* feature, const Cut& cut, Pooling pooling);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EXPLANATION_CONTRIBUTION_MAP_H_
