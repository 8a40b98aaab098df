// Inception v3 without its classifiers (Szegedy, Vanhoucke, Ioffe, Shlens and
// Wojna, 2016): a stem and eleven blocks of parallel branches, mixed0 to
// mixed10. torchvision's average pools count the padding, Keras's do not; and
// Keras's batch normalisations have no scale. Both want the 'tf' normalisation:
// torchvision's pretrained network turns its usual input into that first
// (transform_input).
#ifndef NEVUS_COMPUTE_BACKBONE_INCEPTION_V3_H_
#define NEVUS_COMPUTE_BACKBONE_INCEPTION_V3_H_

#include "compute/backbone/architecture.h"

namespace nevus {

Architecture InceptionV3(Family family);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_INCEPTION_V3_H_
