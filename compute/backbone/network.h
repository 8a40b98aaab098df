// One image through a truncated network, up to its cut.
//
// The interface takes one image on purpose: a library chooses its blocking, and
// so its order of additions, by the batch's size. oneDNN's Winograd gives other
// bits for 1, 2 and 4 images of 28x28; the same image would then have other
// features in serving than in training. Image by image the bits are the same by
// construction, and it costs nothing that could be measured
// (docs/backbones.md).
#ifndef NEVUS_COMPUTE_BACKBONE_NETWORK_H_
#define NEVUS_COMPUTE_BACKBONE_NETWORK_H_

#include "absl/status/status.h"

namespace nevus {

class Network {
 public:
  virtual ~Network() = default;

  // How many threads may be in Run at once. 1 for a network that spreads one
  // image over the cores it was given; their number for one that computes each
  // image on its caller's core alone.
  virtual int callers() const { return 1; }

  // `planes`: 3 x S x S floats, normalised, S the backbone's input size.
  // `activation`: channels x height x width floats of the cut, row-major.
  // INTERNAL if the library behind it fails.
  virtual absl::Status Run(const float* planes, float* activation) = 0;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_NETWORK_H_
