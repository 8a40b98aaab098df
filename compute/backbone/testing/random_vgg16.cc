#include "compute/backbone/testing/random_vgg16.h"

namespace nevus {

std::unique_ptr<Backbone> RandomVgg16(int input_size, uint64_t seed) {
  BackboneSource source;
  source.arch = "vgg16";
  source.random_seed = seed;
  source.input_size = input_size;
  return Backbone::Load(source).value();
}

}  // namespace nevus
