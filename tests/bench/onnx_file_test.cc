// Our ONNX files against one that another program wrote
// (testdata/make_every_operator.py).
#include "tests/bench/onnx_file.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/status_matchers.h"
#include "clients/cpp/files.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/network_weights.h"
#include "compute/backbone/tensor.h"

namespace nevus {
namespace {

Layer MakeLayer(const std::string& name, Op op, std::vector<int> inputs,
                int channels) {
  Layer layer;
  layer.name = name;
  layer.op = op;
  layer.inputs = std::move(inputs);
  layer.channels = channels;
  return layer;
}

// Every operator once, a lopsided padding, groups and a residual.
Layers EveryOperator() {
  Layers layers = {
      MakeLayer("first", Op::kConvolution, {kImage}, 2),
      MakeLayer("pool", Op::kMaxPool, {0}, 2),
      MakeLayer("mean", Op::kAveragePool, {1}, 2),
      MakeLayer("each", Op::kConvolution, {1, 2}, 2),
      MakeLayer("sum", Op::kAdd, {3, 1}, 2),
      MakeLayer("positive", Op::kRelu, {4}, 2),
      MakeLayer("joined", Op::kConcat, {5, 2}, 4),
  };
  layers[0].window = {3, 3, 2, Padding::kSame};
  layers[0].relu = true;
  layers[1].window = {2, 2, 1};
  layers[2].window = {3, 3, 1, Padding::kExplicit, 1, 1};
  layers[3].groups = 2;
  layers[3].relu = true;
  return layers;
}

Tensor Counting(const Shape& shape, float first) {
  Tensor tensor{shape, {}};
  for (int64_t i = 0; i < Count(shape); ++i) {
    tensor.values.push_back(first + 0.5f * i);
  }
  return tensor;
}

TEST(OnnxFileTest, IsWhatOnnxsOwnPackageWrites) {
  const NetworkWeights weights = {
      {"first", {Counting({2, 3, 3, 3}, -9), Counting({2}, 1)}},
      {"each", {Counting({2, 1, 1, 1}, 2), Counting({2}, -3)}},
  };
  const auto expected =
      ReadFile("tests/bench/testdata/every_operator.onnx", 1 << 20);
  ASSERT_THAT(expected, IsOk());
  const auto found = WriteOnnx(EveryOperator(), weights, /*input_size=*/6);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(*found, *expected);
}

TEST(OnnxFileTest, NamesAConvolutionWithoutWeights) {
  EXPECT_THAT(WriteOnnx(EveryOperator(), {}, /*input_size=*/6),
              StatusIs(absl::StatusCode::kInvalidArgument, "layer first"));
}

}  // namespace
}  // namespace nevus
