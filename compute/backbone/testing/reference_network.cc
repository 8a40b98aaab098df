#include "compute/backbone/testing/reference_network.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace nevus {
namespace {

struct Map {
  LayerShape shape;
  std::vector<double> values;

  double At(int channel, int row, int column) const {
    return values[(channel * shape.height + row) * shape.width + column];
  }
};

// Calls `visit` for each place under the window at (row, column) of the output:
// where in the window, and where in the input, padding included.
void ForWindow(const Layer& layer, const LayerShape& out, int row, int column,
               const std::function<void(int i, int j, int y, int x)>& visit) {
  for (int i = 0; i < layer.window.height; ++i) {
    for (int j = 0; j < layer.window.width; ++j) {
      visit(i, j, row * layer.window.stride + i - out.pad_top,
            column * layer.window.stride + j - out.pad_left);
    }
  }
}

bool Inside(const LayerShape& shape, int y, int x) {
  return y >= 0 && y < shape.height && x >= 0 && x < shape.width;
}

double ConvolutionAt(const Layer& layer, const LayerWeights& weights,
                     const Map& input, const LayerShape& out, int o, int row,
                     int column) {
  const int in = input.shape.channels / layer.groups;
  const int first = o / (layer.channels / layer.groups) * in;
  double sum = weights.bias.values[o];
  ForWindow(layer, out, row, column, [&](int i, int j, int y, int x) {
    if (!Inside(input.shape, y, x)) return;
    for (int c = 0; c < in; ++c) {
      sum += input.At(first + c, y, x) *
             weights.weight.values[((o * in + c) * layer.window.height + i) *
                                       layer.window.width +
                                   j];
    }
  });
  return sum;
}

double PoolAt(const Layer& layer, const Map& input, const LayerShape& out,
              int channel, int row, int column) {
  double most = -std::numeric_limits<double>::infinity(), sum = 0;
  int count = 0;
  ForWindow(layer, out, row, column, [&](int, int, int y, int x) {
    const bool inside = Inside(input.shape, y, x);
    if (inside) {
      most = std::max(most, input.At(channel, y, x));
      sum += input.At(channel, y, x);
    }
    if (inside || layer.window.count_padding) ++count;
  });
  return layer.op == Op::kMaxPool ? most : sum / count;
}

double ConcatAt(const std::vector<const Map*>& inputs, int channel, int row,
                int column) {
  size_t k = 0;
  while (channel >= inputs[k]->shape.channels) {
    channel -= inputs[k++]->shape.channels;
  }
  return inputs[k]->At(channel, row, column);
}

double ValueAt(const Layer& layer, const NetworkWeights& weights,
               const std::vector<const Map*>& inputs, const LayerShape& out,
               int channel, int row, int column) {
  switch (layer.op) {
    case Op::kConvolution: {
      double value = ConvolutionAt(layer, weights.at(layer.name), *inputs[0],
                                   out, channel, row, column);
      if (inputs.size() > 1) value += inputs[1]->At(channel, row, column);
      return layer.relu ? std::max(value, 0.0) : value;
    }
    case Op::kMaxPool:
    case Op::kAveragePool:
      return PoolAt(layer, *inputs[0], out, channel, row, column);
    case Op::kAdd: {
      const double value = inputs[0]->At(channel, row, column) +
                           inputs[1]->At(channel, row, column);
      return layer.relu ? std::max(value, 0.0) : value;
    }
    case Op::kRelu:
      return std::max(inputs[0]->At(channel, row, column), 0.0);
    case Op::kConcat:
      return ConcatAt(inputs, channel, row, column);
  }
  return 0;
}

}  // namespace

std::vector<std::vector<double>> ReferenceNetwork(const Layers& layers,
                                                  const NetworkWeights& weights,
                                                  const float* planes,
                                                  int size) {
  const std::vector<LayerShape> shapes = InferShapes(layers, size).value();
  const Map image{{3, size, size}, {planes, planes + 3 * size * size}};
  std::vector<Map> maps(layers.size());
  for (size_t i = 0; i < layers.size(); ++i) {
    std::vector<const Map*> inputs;
    for (int input : layers[i].inputs) {
      inputs.push_back(input == kImage ? &image : &maps[input]);
    }
    const LayerShape& shape = maps[i].shape = shapes[i];
    for (int channel = 0; channel < shape.channels; ++channel) {
      for (int row = 0; row < shape.height; ++row) {
        for (int column = 0; column < shape.width; ++column) {
          maps[i].values.push_back(
              ValueAt(layers[i], weights, inputs, shape, channel, row, column));
        }
      }
    }
  }
  std::vector<std::vector<double>> outputs;
  for (Map& map : maps) outputs.push_back(std::move(map.values));
  return outputs;
}

}  // namespace nevus
