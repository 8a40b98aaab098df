#include "tests/bench/onnx_file.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/tensor.h"
#include "tests/bench/onnx.pb.h"

namespace nevus {
namespace {

constexpr char kInput[] = "image";
constexpr char kOutput[] = "feature";
// The oldest that has every operator as we use it, so that any peer reads it.
constexpr int kIrVersion = 7;
constexpr int kOpset = 13;

void AddInts(onnx::NodeProto* node, const char* name,
             const std::vector<int64_t>& values) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->mutable_ints()->Add(values.begin(), values.end());
  attribute->set_type(onnx::AttributeProto::INTS);
}

void AddInt(onnx::NodeProto* node, const char* name, int64_t value) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_i(value);
  attribute->set_type(onnx::AttributeProto::INT);
}

void DescribeTensor(const std::string& name, const std::vector<int>& shape,
                    onnx::ValueInfoProto* info) {
  info->set_name(name);
  auto* type = info->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  type->mutable_shape()->add_dim()->set_dim_param("batch");
  for (int size : shape) type->mutable_shape()->add_dim()->set_dim_value(size);
}

class Writer {
 public:
  Writer(const Layers& layers, const std::vector<LayerShape>& shapes,
         const NetworkWeights& weights, onnx::GraphProto* graph)
      : layers_(layers), shapes_(shapes), weights_(weights), graph_(graph) {}

  absl::Status AddLayer(int index) {
    const Layer& layer = layers_[index];
    std::vector<std::string> inputs;
    for (int input : layer.inputs) inputs.push_back(NameOf(input));
    switch (layer.op) {
      case Op::kConvolution:
        return AddConvolution(index, inputs);
      case Op::kMaxPool:
        AddWindow(index, AddNode("MaxPool", inputs, layer.name));
        break;
      case Op::kAveragePool: {
        onnx::NodeProto* const node =
            AddNode("AveragePool", inputs, layer.name);
        AddWindow(index, node);
        AddInt(node, "count_include_pad", layer.window.count_padding);
        break;
      }
      case Op::kAdd:
        AddThenRelu("Add", inputs, layer);
        break;
      case Op::kRelu:
        AddNode("Relu", inputs, layer.name);
        break;
      case Op::kConcat:
        AddInt(AddNode("Concat", inputs, layer.name), "axis", 1);
        break;
    }
    return absl::OkStatus();
  }

  // The average over rows and columns.
  void AddFeature() {
    onnx::NodeProto* const node = AddNode(
        "ReduceMean", {NameOf(static_cast<int>(layers_.size()) - 1)}, kOutput);
    AddInts(node, "axes", {2, 3});
    AddInt(node, "keepdims", 0);
  }

 private:
  std::string NameOf(int input) const {
    return input == kImage ? kInput : layers_[input].name;
  }

  onnx::NodeProto* AddNode(const char* op,
                           const std::vector<std::string>& inputs,
                           const std::string& output) {
    onnx::NodeProto* const node = graph_->add_node();
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    node->set_name(output);
    node->set_op_type(op);
    return node;
  }

  // `op`, whose result has another name if a ReLU follows.
  onnx::NodeProto* AddThenRelu(const char* op,
                               const std::vector<std::string>& inputs,
                               const Layer& layer) {
    if (!layer.relu) return AddNode(op, inputs, layer.name);
    const std::string before = layer.name + ".linear";
    onnx::NodeProto* const node = AddNode(op, inputs, before);
    AddNode("Relu", {before}, layer.name);
    return node;
  }

  absl::Status AddConvolution(int index,
                              const std::vector<std::string>& inputs) {
    const Layer& layer = layers_[index];
    const auto found = weights_.find(layer.name);
    if (found == weights_.end()) {
      return BadWeights(absl::StrCat(
          "layer ", layer.name,
          " has no weights; a convolution needs them. Cut the network before "
          "it"));
    }
    const std::vector<std::string> operands = {
        inputs[0], AddTensor(layer.name + ".weight", found->second.weight),
        AddTensor(layer.name + ".bias", found->second.bias)};
    const bool residual = inputs.size() > 1;
    onnx::NodeProto* const node =
        residual ? AddNode("Conv", operands, layer.name + ".product")
                 : AddThenRelu("Conv", operands, layer);
    AddWindow(index, node);
    AddInt(node, "group", layer.groups);
    if (residual) AddThenRelu("Add", {node->output(0), inputs[1]}, layer);
    return absl::OkStatus();
  }

  void AddWindow(int index, onnx::NodeProto* node) const {
    const Window& window = layers_[index].window;
    const LayerShape& shape = shapes_[index];
    AddInts(node, "kernel_shape", {window.height, window.width});
    AddInts(node, "strides", {window.stride, window.stride});
    AddInts(node, "pads",
            {shape.pad_top, shape.pad_left, shape.pad_bottom, shape.pad_right});
  }

  std::string AddTensor(const std::string& name, const Tensor& tensor) {
    onnx::TensorProto* const added = graph_->add_initializer();
    added->mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
    added->set_data_type(onnx::TensorProto::FLOAT);
    added->set_name(name);
    added->set_raw_data(tensor.values.data(),
                        tensor.values.size() * sizeof(float));
    return name;
  }

  const Layers& layers_;
  const std::vector<LayerShape>& shapes_;
  const NetworkWeights& weights_;
  onnx::GraphProto* const graph_;
};

}  // namespace

absl::StatusOr<std::string> WriteOnnx(const Layers& layers,
                                      const NetworkWeights& weights,
                                      int input_size) {
  ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                   InferShapes(layers, input_size));
  onnx::ModelProto model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("nevus");
  onnx::OperatorSetIdProto* const operators = model.add_opset_import();
  operators->set_domain("");
  operators->set_version(kOpset);
  onnx::GraphProto* const graph = model.mutable_graph();
  graph->set_name("nevus");
  DescribeTensor(kInput, {3, input_size, input_size}, graph->add_input());
  DescribeTensor(kOutput, {shapes.back().channels}, graph->add_output());
  Writer writer(layers, shapes, weights, graph);
  for (size_t i = 0; i < layers.size(); ++i) {
    RETURN_IF_ERROR(writer.AddLayer(static_cast<int>(i)));
  }
  writer.AddFeature();
  return model.SerializeAsString();
}

}  // namespace nevus
