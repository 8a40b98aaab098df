// A few small generated images, one in each format, that models are checked
// with: a model keeps what it answered for them (compute/feature/golden.h).
// Nobody's skin: a model is exported and outlives what it was trained on, so
// it must hold no photograph of a patient. Pure.
#ifndef NEVUS_COMPUTE_IMAGE_GOLDEN_IMAGES_H_
#define NEVUS_COMPUTE_IMAGE_GOLDEN_IMAGES_H_

#include <string>
#include <vector>

namespace nevus {

// A JPEG with subsampled colours and a PNG, of odd sizes, so that decoding,
// resizing both ways and normalising all take part; under 8 KB together.
std::vector<std::string> GoldenImages();

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_GOLDEN_IMAGES_H_
