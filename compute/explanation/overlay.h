// A contribution map laid over its image: what a person looks at.
//
// ... -> contribution map -> [overlay] -> PNG. Pure; knows no classifier.
#ifndef NEVUS_COMPUTE_EXPLANATION_OVERLAY_H_
#define NEVUS_COMPUTE_EXPLANATION_OVERLAY_H_

#include "compute/explanation/contribution_map.h"
#include "compute/image/pixels.h"

namespace nevus {

// The image, shrunk so that its longer side is at most 512, with the map over
// it, enlarged smoothly to its size: red where it speaks for the positive
// class, blue against, the stronger the more opaque. The strongest place of
// each map is as opaque as any: colours compare places of one image, not
// images.
Pixels DrawOverlay(const Pixels& image, const ContributionMap& map);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EXPLANATION_OVERLAY_H_
