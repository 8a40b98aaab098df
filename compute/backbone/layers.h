// A network as data: its layers, what feeds each, and where it may be cut. An
// architecture is one such table; whoever computes it (oneDNN on a processor,
// LibTorch eagerly or on a GPU) interprets the table and knows no architecture.
// No weights and no arithmetic here.
#ifndef NEVUS_COMPUTE_BACKBONE_LAYERS_H_
#define NEVUS_COMPUTE_BACKBONE_LAYERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nevus {

enum class Op {
  kConvolution,  // cross-correlation + bias, then + a residual, then ReLU
  kMaxPool,      // padding never wins
  kAveragePool,
  kAdd,  // of two inputs, then ReLU
  kRelu,
  kConcat,  // along the channels, in the order of inputs
};

enum class Padding {
  kExplicit,  // `pad_height` above and below, `pad_width` on both sides
  // TensorFlow's "same": ceil(size / stride) rows; of the rows missing, half
  // above, rounded down, the rest below. Likewise columns.
  kSame,
};

// The window of a convolution or a pool. Rows that do not fill it are dropped.
struct Window {
  int height = 1, width = 1;
  int stride = 1;  // both ways
  Padding padding = Padding::kExplicit;
  int pad_height = 0, pad_width = 0;
  bool count_padding = false;  // kAveragePool divides by height * width always
  // kMaxPool with kExplicit: rows that do not fill it count, too. PyTorch's
  // ceil_mode where the window is no smaller than the stride.
  bool ceil_mode = false;
};

// What a layer reads instead of an earlier layer.
constexpr int kImage = -1;

// Batch normalisation does not occur: it is folded into the convolution before
// it when weights are loaded.
struct Layer {
  std::string name;  // unique in its table; a cut after it has this name
  Op op = Op::kConvolution;
  // Earlier layers, or kImage. kConvolution: one, and a second one is the
  // residual that is added to its result before ReLU.
  std::vector<int> inputs;
  Window window;      // kConvolution and the pools
  int channels = 0;   // of the output
  int groups = 1;     // kConvolution; the input's channels: depthwise
  bool relu = false;  // kConvolution and kAdd
};

// Layers in an order in which each reads earlier ones only. The last is where
// the network ends.
using Layers = std::vector<Layer>;

// A layer's output and, for a window, the padding that it comes to.
struct LayerShape {
  int channels = 0, height = 0, width = 0;
  int pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
};

// Of each layer, for an RGB image of `input_size` squared. INVALID_ARGUMENT,
// reason INPUT_SIZE_INVALID, naming the layer whose output would be empty.
absl::StatusOr<std::vector<LayerShape>> InferShapes(const Layers& layers,
                                                    int input_size);

// The layers that `name` needs, itself last; indices are adjusted. REQUIRES: a
// layer of that name.
Layers CutAt(const Layers& layers, const std::string& name);

// The layers that any of `names` needs, the one that lies furthest last.
// REQUIRES: layers of those names.
Layers CutAtAll(const Layers& layers, const std::vector<std::string>& names);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_LAYERS_H_
