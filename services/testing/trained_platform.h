// A fake platform with a model: extracts and trains with the real handlers.
#ifndef NEVUS_SERVICES_TESTING_TRAINED_PLATFORM_H_
#define NEVUS_SERVICES_TESTING_TRAINED_PLATFORM_H_

#include "services/testing/fake_platform.h"

namespace nevus {

// Adds 24 examples of noise, dark "melanoma" and bright "nevus", to isic@1, and
// the small VGG16 "vgg16"; then melanoma@1 with `seed`. Called again with
// another seed it trains the next version on the same examples. A failure fails
// the test.
void TrainMelanoma(FakePlatform& platform, uint64_t seed = 0);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_TRAINED_PLATFORM_H_
