#include "compute/backbone/table_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

const char* TorchvisionSuffix(KerasRole role) {
  switch (role) {
    case KerasRole::kKernel:
    case KerasRole::kDepthwiseKernel:
    case KerasRole::kPointwiseKernel:
    case KerasRole::kGamma:
      return ".weight";
    case KerasRole::kBias:
    case KerasRole::kBeta:
      return ".bias";
    case KerasRole::kMovingMean:
      return ".running_mean";
    case KerasRole::kMovingVariance:
      return ".running_var";
  }
  return "?";
}

}  // namespace

Window Centered(int height, int width, int stride) {
  return {height, width, stride, Padding::kExplicit, height / 2, width / 2};
}

int TableBuilder::Convolution(const ConvolutionRow& row) {
  Layer layer;
  layer.name = row.name;
  layer.op = Op::kConvolution;
  layer.inputs = row.inputs;
  layer.window = row.window;
  layer.channels = row.channels;
  layer.groups = row.groups;
  layer.relu = row.relu;

  ConvolutionSource source;
  const int64_t outputs = row.channels;
  source.tensors.push_back(
      Tensor(row.tensors, row.keras, row.keras_kernel,
             {outputs, channels(row.inputs[0]) / row.groups, row.window.height,
              row.window.width}));
  const auto add = [&](const std::string& name, const KerasLayer& keras,
                       KerasRole role) {
    source.tensors.push_back(Tensor(name, keras, role, {outputs}));
  };
  if (row.bias) add(row.tensors, row.keras, KerasRole::kBias);
  if (!row.norm.empty()) {
    source.epsilon = epsilon_;
    if (row.norm_scale) add(row.norm, row.keras_norm, KerasRole::kGamma);
    for (KerasRole role : {KerasRole::kBeta, KerasRole::kMovingMean,
                           KerasRole::kMovingVariance}) {
      add(row.norm, row.keras_norm, role);
    }
  }
  source.layer = Append(std::move(layer));
  architecture_.sources.push_back(std::move(source));
  return architecture_.sources.back().layer;
}

int TableBuilder::MaxPool(const std::string& name, int input,
                          const Window& window) {
  Layer layer;
  layer.name = name;
  layer.op = Op::kMaxPool;
  layer.inputs = {input};
  layer.window = window;
  layer.channels = channels(input);
  return Append(std::move(layer));
}

int TableBuilder::AveragePool(const std::string& name, int input,
                              const Window& window) {
  const int layer = MaxPool(name, input, window);
  architecture_.layers[layer].op = Op::kAveragePool;
  return layer;
}

int TableBuilder::Add(const std::string& name, int a, int b, bool relu) {
  Layer layer;
  layer.name = name;
  layer.op = Op::kAdd;
  layer.inputs = {a, b};
  layer.channels = channels(a);
  layer.relu = relu;
  return Append(std::move(layer));
}

int TableBuilder::Relu(const std::string& name, int input) {
  Layer layer;
  layer.name = name;
  layer.op = Op::kRelu;
  layer.inputs = {input};
  layer.channels = channels(input);
  return Append(std::move(layer));
}

int TableBuilder::Concat(const std::string& name,
                         const std::vector<int>& inputs) {
  Layer layer;
  layer.name = name;
  layer.op = Op::kConcat;
  layer.inputs = inputs;
  for (int input : inputs) layer.channels += channels(input);
  return Append(std::move(layer));
}

void TableBuilder::Cut(bool ends_block) {
  architecture_.cuts.push_back({architecture_.layers.back().name, ends_block});
}

Architecture TableBuilder::Finish(Architecture architecture) {
  architecture.layers = std::move(architecture_.layers);
  architecture.sources = std::move(architecture_.sources);
  architecture.cuts = std::move(architecture_.cuts);
  return architecture;
}

int TableBuilder::Append(Layer layer) {
  architecture_.layers.push_back(std::move(layer));
  return static_cast<int>(architecture_.layers.size()) - 1;
}

TensorSource TableBuilder::Tensor(const std::string& layer,
                                  const KerasLayer& keras, KerasRole role,
                                  Shape shape) const {
  return {naming_ == TensorNaming::kTorchvision
              ? absl::StrCat(layer, TorchvisionSuffix(role))
              : absl::StrCat(layer, "/", KerasRoleName(role)),
          std::move(shape), keras, role};
}

}  // namespace nevus
