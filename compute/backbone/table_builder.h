// Writes the table of an architecture, layer by layer, keeping count of the
// channels and of where each convolution's tensors come from. For the files
// that know an architecture; it knows none.
#ifndef NEVUS_COMPUTE_BACKBONE_TABLE_BUILDER_H_
#define NEVUS_COMPUTE_BACKBONE_TABLE_BUILDER_H_

#include <string>
#include <vector>

#include "compute/backbone/architecture.h"

namespace nevus {

// A window of height x width that keeps the size at stride 1: both are odd.
Window Centered(int height, int width, int stride = 1);

// How a file names the tensors of one layer: torchvision's ".weight", ".bias",
// ".running_mean" behind it, or "/kernel", "/beta", "/moving_mean".
enum class TensorNaming { kTorchvision, kKeras };

struct ConvolutionRow {
  std::string name;         // of the layer
  std::vector<int> inputs;  // a second one is the residual
  int channels = 0;
  Window window;
  int groups = 1;
  bool relu = true;

  std::string tensors;  // what its tensors' names begin with
  KerasLayer keras;
  KerasRole keras_kernel = KerasRole::kKernel;
  bool bias = false;

  std::string norm;  // of the batch normalisation; "": there is none
  KerasLayer keras_norm;
  bool norm_scale = true;
};

class TableBuilder {
 public:
  // `epsilon`: of every batch normalisation.
  TableBuilder(TensorNaming naming, double epsilon)
      : naming_(naming), epsilon_(epsilon) {}

  // Each gives the new layer's index.
  int Convolution(const ConvolutionRow& row);
  int MaxPool(const std::string& name, int input, const Window& window);
  int AveragePool(const std::string& name, int input, const Window& window);
  int Add(const std::string& name, int a, int b, bool relu);
  int Relu(const std::string& name, int input);
  int Concat(const std::string& name, const std::vector<int>& inputs);

  // The network may be cut after the last layer.
  void Cut(bool ends_block = true);

  int channels(int layer) const {
    return layer == kImage ? 3 : architecture_.layers[layer].channels;
  }

  // Fills in layers, sources and cuts of `architecture`.
  Architecture Finish(Architecture architecture);

 private:
  int Append(Layer layer);
  TensorSource Tensor(const std::string& layer, const KerasLayer& keras,
                      KerasRole role, Shape shape) const;

  const TensorNaming naming_;
  const double epsilon_;
  Architecture architecture_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_TABLE_BUILDER_H_
