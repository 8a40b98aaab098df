// Xception without its classifier (Chollet, 2017): depthwise separable
// convolutions in fourteen blocks, twelve of them residual. With Keras's
// weights, the only ones published by its author.
#ifndef NEVUS_COMPUTE_BACKBONE_XCEPTION_H_
#define NEVUS_COMPUTE_BACKBONE_XCEPTION_H_

#include "compute/backbone/architecture.h"

namespace nevus {

Architecture Xception();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_XCEPTION_H_
