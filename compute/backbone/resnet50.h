// ResNet-50 without its classifier (He, Zhang, Ren and Sun, 2016): a stem and
// sixteen bottleneck blocks in four stages. torchvision's is version 1.5: a
// stage's stride lies in the 3x3 of its first block. Keras's is the paper's: it
// lies in the 1x1 before it, and convolutions have biases.
#ifndef NEVUS_COMPUTE_BACKBONE_RESNET50_H_
#define NEVUS_COMPUTE_BACKBONE_RESNET50_H_

#include "compute/backbone/architecture.h"

namespace nevus {

Architecture Resnet50(Family family);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_RESNET50_H_
