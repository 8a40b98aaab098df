// VGG16 by its definition: six loops a convolution, in double precision. Slow;
// what the fast kernels are compared with. Shares only the table of layers.
#ifndef NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_VGG16_H_
#define NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_VGG16_H_

#include <vector>

#include "compute/backbone/vgg16.h"

namespace nevus {

// `planes`: 3 x size x size. The activation at `cut`, row-major.
std::vector<double> ReferenceVgg16(const Vgg16Weights& weights,
                                   const Vgg16Cut& cut, const float* planes,
                                   int size);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TESTING_REFERENCE_VGG16_H_
