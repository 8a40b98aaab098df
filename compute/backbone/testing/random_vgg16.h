// VGG16 of random weights, small enough for a test.
#ifndef NEVUS_COMPUTE_BACKBONE_TESTING_RANDOM_VGG16_H_
#define NEVUS_COMPUTE_BACKBONE_TESTING_RANDOM_VGG16_H_

#include <cstdint>
#include <memory>

#include "compute/backbone/backbone.h"

namespace nevus {

std::unique_ptr<Backbone> RandomVgg16(int input_size, uint64_t seed = 1);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TESTING_RANDOM_VGG16_H_
