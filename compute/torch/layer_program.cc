#include "compute/torch/layer_program.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/tensor.h"
#include "compute/torch/device.h"

namespace nevus {
namespace {

// What a layer needs besides its inputs.
struct Prepared {
  LayerShape shape;
  at::Tensor weight, bias;  // kConvolution
  int last_reader = 0;      // its result may go after this layer
  int output = -1;          // index among the outputs
};

// LibTorch pads both ends alike.
bool Lopsided(const LayerShape& shape) {
  return shape.pad_top != shape.pad_bottom || shape.pad_left != shape.pad_right;
}

at::Tensor PadWith(const at::Tensor& x, const LayerShape& shape, double value) {
  return at::constant_pad_nd(
      x, {shape.pad_left, shape.pad_right, shape.pad_top, shape.pad_bottom},
      value);
}

at::Tensor Convolve(const Layer& layer, const Prepared& prepared,
                    at::Tensor x) {
  const LayerShape& shape = prepared.shape;
  std::vector<int64_t> padding = {shape.pad_top, shape.pad_left};
  if (Lopsided(shape)) {
    x = PadWith(x, shape, 0);
    padding = {0, 0};
  }
  return at::conv2d(x, prepared.weight, prepared.bias, layer.window.stride,
                    padding, /*dilation=*/1, layer.groups);
}

at::Tensor Pool(const Layer& layer, const LayerShape& shape, at::Tensor x) {
  const std::vector<int64_t> size = {layer.window.height, layer.window.width};
  std::vector<int64_t> padding = {shape.pad_top, shape.pad_left};
  if (layer.op == Op::kMaxPool) {
    if (Lopsided(shape)) {
      x = PadWith(x, shape, -std::numeric_limits<double>::infinity());
      padding = {0, 0};
    }
    return at::max_pool2d(x, size, layer.window.stride, padding);
  }
  return at::avg_pool2d(x, size, layer.window.stride, padding,
                        /*ceil_mode=*/false, layer.window.count_padding);
}

at::Tensor Compute(const Layer& layer, const Prepared& prepared,
                   const std::vector<at::Tensor>& inputs) {
  at::Tensor x;
  switch (layer.op) {
    case Op::kConvolution:
      x = Convolve(layer, prepared, inputs[0]);
      if (inputs.size() > 1) x.add_(inputs[1]);
      return layer.relu ? x.relu_() : x;
    case Op::kMaxPool:
    case Op::kAveragePool:
      return Pool(layer, prepared.shape, inputs[0]);
    case Op::kAdd:
      x = inputs[0] + inputs[1];
      return layer.relu ? x.relu_() : x;
    case Op::kRelu:
      return inputs[0].relu();
    case Op::kConcat:
      return at::cat(inputs, /*dim=*/1);
  }
  return x;
}

}  // namespace

struct LayerProgram::Rep {
  Layers layers;
  std::vector<Prepared> prepared;
  std::vector<LayerShape> outputs;
  at::TensorOptions tensor_options;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;
};

LayerProgram::LayerProgram(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
LayerProgram::~LayerProgram() = default;

absl::StatusOr<std::unique_ptr<LayerProgram>> LayerProgram::Create(
    const Layers& layers, const NetworkWeights& weights,
    const std::vector<std::string>& outputs, int input_size,
    const DeviceProgramOptions& options) {
  RETURN_IF_ERROR(CheckDevice(options.device));
  AvoidForeignOneDnn();
  auto rep = std::make_unique<Rep>();
  rep->layers = layers;
  rep->outputs.resize(outputs.size());
  rep->tensor_options = at::TensorOptions(at::Device(options.device))
                            .dtype(options.bf16 ? at::kBFloat16 : at::kFloat);
  if (options.channels_last) rep->format = at::MemoryFormat::ChannelsLast;
  ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                   InferShapes(layers, input_size));
  std::unique_ptr<LayerProgram> program(new LayerProgram(std::move(rep)));
  Rep& made = *program->rep_;
  try {
    for (size_t i = 0; i < layers.size(); ++i) {
      Prepared prepared;
      prepared.shape = shapes[i];
      const auto output =
          std::find(outputs.begin(), outputs.end(), layers[i].name);
      if (output != outputs.end()) {
        prepared.output = output - outputs.begin();
        made.outputs[prepared.output] = shapes[i];
      }
      if (layers[i].op == Op::kConvolution) {
        const auto found = weights.find(layers[i].name);
        if (found == weights.end()) {
          return BadWeights(absl::StrCat(
              "layer ", layers[i].name,
              " has no weights; a convolution needs them. Cut the network "
              "before it"));
        }
        const auto place = [&](const Tensor& tensor) {
          return program->Place(
              at::from_blob(const_cast<float*>(tensor.values.data()),
                            tensor.shape, at::kFloat));
        };
        prepared.weight = place(found->second.weight);
        prepared.bias = place(found->second.bias);
      }
      made.prepared.push_back(std::move(prepared));
      for (int input : layers[i].inputs) {
        if (input != kImage) made.prepared[input].last_reader = i;
      }
    }
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
  return program;
}

std::string LayerProgram::device() const {
  return rep_->tensor_options.device().str();
}

const std::vector<LayerShape>& LayerProgram::outputs() const {
  return rep_->outputs;
}

at::Tensor LayerProgram::Place(const at::Tensor& tensor) const {
  return tensor.to(
      rep_->tensor_options, /*non_blocking=*/false, /*copy=*/true,
      tensor.dim() == 4 ? rep_->format : at::MemoryFormat::Contiguous);
}

std::vector<at::Tensor> LayerProgram::Run(const at::Tensor& image) const {
  std::vector<at::Tensor> answers(rep_->outputs.size());
  std::vector<at::Tensor> results(rep_->layers.size());
  for (size_t i = 0; i < rep_->layers.size(); ++i) {
    const Layer& layer = rep_->layers[i];
    std::vector<at::Tensor> inputs;
    for (int input : layer.inputs) {
      inputs.push_back(input == kImage ? image : results[input]);
    }
    results[i] = Compute(layer, rep_->prepared[i], inputs);
    if (const int output = rep_->prepared[i].output; output >= 0) {
      answers[output] = results[i];
    }
    for (int input : layer.inputs) {
      if (input == kImage) continue;
      if (rep_->prepared[input].last_reader == static_cast<int>(i)) {
        results[input].reset();
      }
    }
  }
  return answers;
}

}  // namespace nevus
