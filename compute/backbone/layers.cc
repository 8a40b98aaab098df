#include "compute/backbone/layers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// A window along one side.
struct Extent {
  int size = 0, before = 0, after = 0;  // the output, the padding
};

Extent Slide(int input, int window, int stride, Padding padding, int pad,
             bool ceil_mode) {
  if (padding == Padding::kSame) {
    const int size = (input + stride - 1) / stride;
    const int missing = std::max((size - 1) * stride + window - input, 0);
    return {size, missing / 2, missing - missing / 2};
  }
  const int spare = input + 2 * pad - window;
  if (spare < 0) return {0, pad, pad};
  const int size = spare / stride + 1;
  const int remainder = spare % stride;
  if (!ceil_mode || remainder == 0) return {size, pad, pad};
  return {size + 1, pad, pad + stride - remainder};
}

LayerShape SlideWindow(const Window& window, const LayerShape& input) {
  const Extent rows =
      Slide(input.height, window.height, window.stride, window.padding,
            window.pad_height, window.ceil_mode);
  const Extent columns =
      Slide(input.width, window.width, window.stride, window.padding,
            window.pad_width, window.ceil_mode);
  return {input.channels, rows.size,  columns.size, rows.before,
          columns.before, rows.after, columns.after};
}

LayerShape ShapeOf(const Layer& layer, const std::vector<LayerShape>& inputs) {
  switch (layer.op) {
    case Op::kConvolution: {
      LayerShape shape = SlideWindow(layer.window, inputs[0]);
      shape.channels = layer.channels;
      return shape;
    }
    case Op::kMaxPool:
    case Op::kAveragePool:
      return SlideWindow(layer.window, inputs[0]);
    case Op::kAdd:
    case Op::kRelu:
      return {inputs[0].channels, inputs[0].height, inputs[0].width};
    case Op::kConcat: {
      LayerShape shape{0, inputs[0].height, inputs[0].width};
      for (const LayerShape& input : inputs) shape.channels += input.channels;
      return shape;
    }
  }
  return {};
}

}  // namespace

absl::StatusOr<std::vector<LayerShape>> InferShapes(const Layers& layers,
                                                    int input_size) {
  const LayerShape image{3, input_size, input_size};
  std::vector<LayerShape> shapes;
  for (const Layer& layer : layers) {
    std::vector<LayerShape> inputs;
    for (int input : layer.inputs) {
      inputs.push_back(input == kImage ? image : shapes[input]);
    }
    shapes.push_back(ShapeOf(layer, inputs));
    if (shapes.back().height < 1 || shapes.back().width < 1) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "input size ", input_size, " leaves nothing for layer ",
              layer.name, ": its input has ", inputs[0].height, " x ",
              inputs[0].width, " pixels, its window ", layer.window.height,
              " x ", layer.window.width,
              ". Choose a larger input size, or leave it out")),
          "INPUT_SIZE_INVALID", {{"layer", layer.name}});
    }
  }
  return shapes;
}

Layers CutAt(const Layers& layers, const std::string& name) {
  return CutAtAll(layers, {name});
}

Layers CutAtAll(const Layers& layers, const std::vector<std::string>& names) {
  std::vector<bool> needed;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (std::find(names.begin(), names.end(), layers[i].name) != names.end()) {
      needed.resize(i + 1);
      needed[i] = true;
    }
  }
  for (int i = static_cast<int>(needed.size()) - 1; i >= 0; --i) {
    if (!needed[i]) continue;
    for (int input : layers[i].inputs) {
      if (input != kImage) needed[input] = true;
    }
  }
  Layers cut;
  std::vector<int> moved(needed.size());
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    moved[i] = cut.size();
    cut.push_back(layers[i]);
    for (int& input : cut.back().inputs) {
      if (input != kImage) input = moved[input];
    }
  }
  return cut;
}

}  // namespace nevus
