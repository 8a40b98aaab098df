// Keras's weight files made in memory, for tests.
#ifndef NEVUS_COMPUTE_BACKBONE_TESTING_KERAS_FILE_H_
#define NEVUS_COMPUTE_BACKBONE_TESTING_KERAS_FILE_H_

#include <string>

#include "compute/backbone/architecture.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// Those of `tensors` that the architecture knows, in Keras's later layout with
// kernels as HWIO. Layers that Keras named itself begin with number
// `first_number`, where 0 stands for a name without one.
std::string KerasFile(const Architecture& architecture, const Tensors& tensors,
                      int first_number = 0);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TESTING_KERAS_FILE_H_
