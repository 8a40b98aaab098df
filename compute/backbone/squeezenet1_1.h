// SqueezeNet 1.1 without its classifier (Iandola, Han, Moskewicz, Ashraf, Dally
// and Keutzer, 2016; version 1.1 as its authors published it): a convolution
// and eight fire modules. Layers have the names of the authors' model file;
// there are torchvision's weights alone.
#ifndef NEVUS_COMPUTE_BACKBONE_SQUEEZENET1_1_H_
#define NEVUS_COMPUTE_BACKBONE_SQUEEZENET1_1_H_

#include "compute/backbone/architecture.h"

namespace nevus {

Architecture Squeezenet1_1();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_SQUEEZENET1_1_H_
