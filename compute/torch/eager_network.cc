#include "compute/torch/eager_network.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/omp_threads.h"

namespace nevus {
namespace {

// What a layer needs besides its inputs.
struct Prepared {
  LayerShape shape;
  at::Tensor weight, bias;  // kConvolution
  int last_reader = 0;      // its result may go after this layer
  int output = -1;          // index among the outputs
};

absl::Status FromTorch(const std::exception& error) {
  return absl::InternalError(absl::StrCat("LibTorch: ", error.what()));
}

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

struct EagerNetwork::Rep {
  Layers layers;
  std::vector<Prepared> prepared;
  int input_size = 0;
  int outputs = 0;
  int threads = 1;
  at::TensorOptions tensor_options;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;

  at::Tensor Place(const at::Tensor& tensor) const {
    return tensor.to(tensor_options, /*non_blocking=*/false, /*copy=*/true,
                     tensor.dim() == 4 ? format : at::MemoryFormat::Contiguous);
  }
};

EagerNetwork::EagerNetwork(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}
EagerNetwork::~EagerNetwork() = default;

absl::StatusOr<std::unique_ptr<EagerNetwork>> EagerNetwork::Create(
    const Layers& layers, const NetworkWeights& weights,
    const std::vector<std::string>& outputs, int input_size,
    const EagerOptions& options) {
  auto rep = std::make_unique<Rep>();
  rep->layers = layers;
  rep->input_size = input_size;
  rep->outputs = outputs.size();
  rep->threads = options.threads;
  if (options.channels_last) rep->format = at::MemoryFormat::ChannelsLast;
  try {
    rep->tensor_options = at::TensorOptions(at::Device(options.device))
                              .dtype(options.bf16 ? at::kBFloat16 : at::kFloat);
  } catch (const std::exception&) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "device ", Quoted(options.device),
            " is not known to LibTorch; it is cpu or cuda:N. Choose one")),
        "DEVICE_UNKNOWN", {{"device", options.device}});
  }
  ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                   InferShapes(layers, input_size));
  try {
    for (size_t i = 0; i < layers.size(); ++i) {
      Prepared prepared;
      prepared.shape = shapes[i];
      const auto output =
          std::find(outputs.begin(), outputs.end(), layers[i].name);
      if (output != outputs.end()) prepared.output = output - outputs.begin();
      if (layers[i].op == Op::kConvolution) {
        const auto found = weights.find(layers[i].name);
        if (found == weights.end()) {
          return BadWeights(absl::StrCat(
              "layer ", layers[i].name,
              " has no weights; a convolution needs them. Cut the network "
              "before it"));
        }
        const auto place = [&](const Tensor& tensor) {
          return rep->Place(
              at::from_blob(const_cast<float*>(tensor.values.data()),
                            tensor.shape, at::kFloat));
        };
        prepared.weight = place(found->second.weight);
        prepared.bias = place(found->second.bias);
      }
      rep->prepared.push_back(std::move(prepared));
      for (int input : layers[i].inputs) {
        if (input != kImage) rep->prepared[input].last_reader = i;
      }
    }
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
  return std::unique_ptr<EagerNetwork>(new EagerNetwork(std::move(rep)));
}

absl::Status EagerNetwork::Forward(
    const float* planes, int n, std::vector<std::vector<float>>* activations) {
  at::get_num_threads();  // LibTorch's own setting of this thread, first
  const ScopedOmpThreads scope(rep_->threads);
  activations->assign(rep_->outputs, {});
  try {
    const c10::InferenceMode inference;
    const at::Tensor image = rep_->Place(
        at::from_blob(const_cast<float*>(planes),
                      {n, 3, rep_->input_size, rep_->input_size}, at::kFloat));
    std::vector<at::Tensor> results(rep_->layers.size());
    for (size_t i = 0; i < rep_->layers.size(); ++i) {
      const Layer& layer = rep_->layers[i];
      std::vector<at::Tensor> inputs;
      for (int input : layer.inputs) {
        inputs.push_back(input == kImage ? image : results[input]);
      }
      results[i] = Compute(layer, rep_->prepared[i], inputs);
      if (const int output = rep_->prepared[i].output; output >= 0) {
        const at::Tensor x = results[i].to(at::kCPU, at::kFloat).contiguous();
        (*activations)[output].assign(x.data_ptr<float>(),
                                      x.data_ptr<float>() + x.numel());
      }
      for (int input : layer.inputs) {
        if (input == kImage) continue;
        if (rep_->prepared[input].last_reader == static_cast<int>(i)) {
          results[input].reset();
        }
      }
    }
  } catch (const std::exception& error) {
    return FromTorch(error);
  }
  return absl::OkStatus();
}

}  // namespace nevus
