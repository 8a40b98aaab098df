#include "compute/backbone/vgg16_network.h"

#include <utility>

#include "compute/backbone/onednn_network.h"

namespace nevus {

Layers Vgg16Layers() {
  Layers layers;
  const auto add = [&](const char* name, Op op, Window window, int channels) {
    Layer layer;
    layer.name = name;
    layer.op = op;
    layer.inputs = {static_cast<int>(layers.size()) - 1};
    layer.window = window;
    layer.channels = channels;
    layer.relu = op == Op::kConvolution;
    layers.push_back(std::move(layer));
  };
  for (const Vgg16Conv& conv : Vgg16Convs()) {
    add(conv.name, Op::kConvolution, {3, 3, 1, Padding::kExplicit, 1, 1},
        conv.out);
    if (conv.pool != nullptr) add(conv.pool, Op::kMaxPool, {2, 2, 2}, conv.out);
  }
  return layers;
}

NetworkWeights Vgg16LayerWeights(const Vgg16Weights& weights) {
  NetworkWeights layers;
  for (int i = 0; i < weights.convs; ++i) {
    const Vgg16Conv& conv = Vgg16Convs()[i];
    layers[conv.name] = {weights.tensors.at(conv.weight()),
                         weights.tensors.at(conv.bias())};
  }
  return layers;
}

absl::StatusOr<std::unique_ptr<OnednnNetwork>> NewVgg16Network(
    const Vgg16Weights& weights, const std::string& cut, Arithmetic arithmetic,
    const Calibration& calibration, int input_size, int threads) {
  return NewOnednnNetwork(CutAt(Vgg16Layers(), cut), {cut},
                          Vgg16LayerWeights(weights), arithmetic, calibration,
                          input_size, threads);
}

}  // namespace nevus
