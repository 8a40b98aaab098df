// VGG16 without its classifier (Simonyan and Zisserman, 2015, configuration D):
// thirteen 3x3 convolutions with ReLU, five 2x2 max pools. The families differ
// in nothing but names and the normalisation of the image.
#ifndef NEVUS_COMPUTE_BACKBONE_VGG16_H_
#define NEVUS_COMPUTE_BACKBONE_VGG16_H_

#include "compute/backbone/architecture.h"

namespace nevus {

Architecture Vgg16(Family family);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_VGG16_H_
