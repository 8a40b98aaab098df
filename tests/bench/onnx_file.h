// A network as an ONNX file, for a peer to run: the same layers, the same
// weights, then the average over rows and columns, so that what comes out is a
// feature. Knows no peer.
#ifndef NEVUS_TESTS_BENCH_ONNX_FILE_H_
#define NEVUS_TESTS_BENCH_ONNX_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"

namespace nevus {

// The file's bytes: input "image", batch x 3 x input_size x input_size floats,
// normalised; output "feature", batch x channels of the last layer.
// INVALID_ARGUMENT as InferShapes, and for a convolution without weights.
absl::StatusOr<std::string> WriteOnnx(const Layers& layers,
                                      const NetworkWeights& weights,
                                      int input_size);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_ONNX_FILE_H_
