// The tensors of a weight file become the weights of a network: what is there
// is matched with the architecture's table, and each batch normalisation is
// folded into the convolution before it.
#ifndef NEVUS_COMPUTE_BACKBONE_FOLDING_H_
#define NEVUS_COMPUTE_BACKBONE_FOLDING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/tensor.h"

namespace nevus {

// How far a file's tensors reach into the table.
struct Reach {
  std::vector<bool> layers;   // a layer and all that it needs are there
  std::string first_missing;  // a tensor; "" for a whole file
};

// A file may hold fewer layers than the network, but no fragments:
// INVALID_ARGUMENT (WEIGHTS_INVALID), naming the tensor, if the first layer is
// missing, if a layer has some of its tensors only, or if one is there that a
// missing one comes before. REQUIRES: `tensors` have their shapes and names
// from ShapesOf.
absl::StatusOr<Reach> FindReach(const Architecture& architecture,
                                const Tensors& tensors);

// Weight w and bias b become w s and shift + (b - mean) s, s = scale /
// sqrt(variance + epsilon), in double, rounded once. Of the layers that are
// reached. INVALID_ARGUMENT (WEIGHTS_INVALID) for a variance below zero. Takes
// `tensors`, which are most of a network, rather than copy them.
absl::StatusOr<NetworkWeights> Fold(const Architecture& architecture,
                                    const Reach& reach, Tensors tensors);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_FOLDING_H_
