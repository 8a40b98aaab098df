#include "compute/backbone/xception.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "compute/backbone/table_builder.h"

namespace nevus {
namespace {

class XceptionBuilder {
 public:
  XceptionBuilder() : table_(TensorNaming::kKeras, 1e-3) {}

  void Stem() {
    for (int i : {1, 2}) {
      const std::string keras = absl::StrCat("block1_conv", i);
      ConvolutionRow row = Normed(keras, {keras + "_bn"});
      row.name = keras + "_act";
      row.inputs = {last_};
      row.channels = 32 * i;
      row.window = {3, 3, i == 1 ? 2 : 1};
      row.keras = {keras};
      last_ = table_.Convolution(row);
      table_.Cut(/*ends_block=*/i == 2);
    }
  }

  // Two separable convolutions and a pool beside a 1x1 of stride 2. The first
  // ReLU is left out where the block's input comes from one.
  void DownBlock(int number, int middle, int channels, bool relu_first) {
    const std::string name = absl::StrCat("block", number);
    const int input = last_;
    const int residual = Projection(name, input, channels);
    if (relu_first) last_ = table_.Relu(name + "_sepconv1_act", last_);
    Separable(name + "_sepconv1", middle, /*relu=*/true);
    Separable(name + "_sepconv2", channels, /*relu=*/false);
    Window window{3, 3, 2, Padding::kSame};
    last_ = table_.MaxPool(name + "_pool", last_, window);
    last_ = table_.Add(name + "_out", last_, residual, /*relu=*/false);
    table_.Cut();
  }

  // Three separable convolutions, and the block's input added.
  void MiddleBlock(int number) {
    const std::string name = absl::StrCat("block", number);
    const int input = last_;
    last_ = table_.Relu(name + "_sepconv1_act", last_);
    Separable(name + "_sepconv1", 728, /*relu=*/true);
    Separable(name + "_sepconv2", 728, /*relu=*/true);
    Separable(name + "_sepconv3", 728, /*relu=*/false, input, name + "_out");
    table_.Cut();
  }

  void Exit() {
    Separable("block14_sepconv1", 1536, /*relu=*/true, kNone,
              "block14_sepconv1_act");
    table_.Cut(/*ends_block=*/false);
    Separable("block14_sepconv2", 2048, /*relu=*/true, kNone,
              "block14_sepconv2_act");
    table_.Cut();
  }

  Architecture Finish(Architecture architecture) {
    return table_.Finish(std::move(architecture));
  }

 private:
  static constexpr int kNone = -2;  // no residual

  // Its batch normalisation is named after it.
  static ConvolutionRow Normed(const std::string& tensors,
                               const KerasLayer& keras_norm) {
    ConvolutionRow row;
    row.tensors = tensors;
    row.norm = tensors + "_bn";
    row.keras_norm = keras_norm;
    return row;
  }

  // Depthwise 3x3, then pointwise 1x1, which is the layer `name`.
  void Separable(const std::string& keras, int channels, bool relu,
                 int residual = kNone, const std::string& name = "") {
    ConvolutionRow depthwise;
    depthwise.name = keras + "_depthwise";
    depthwise.inputs = {last_};
    depthwise.channels = depthwise.groups = table_.channels(last_);
    depthwise.window = Centered(3, 3);
    depthwise.relu = false;
    depthwise.tensors = keras;
    depthwise.keras = {keras};
    depthwise.keras_kernel = KerasRole::kDepthwiseKernel;
    const int between = table_.Convolution(depthwise);

    ConvolutionRow pointwise = Normed(keras, {keras + "_bn"});
    pointwise.name = name.empty() ? keras : name;
    pointwise.inputs = {between};
    if (residual != kNone) pointwise.inputs.push_back(residual);
    pointwise.channels = channels;
    pointwise.relu = relu;
    pointwise.keras = {keras};
    pointwise.keras_kernel = KerasRole::kPointwiseKernel;
    last_ = table_.Convolution(pointwise);
  }

  // The only layers that Keras's counters name.
  int Projection(const std::string& block, int input, int channels) {
    ++projections_;
    ConvolutionRow row =
        Normed(block + "_residual", {"batch_normalization", projections_});
    row.name = block + "_residual";
    row.inputs = {input};
    row.channels = channels;
    row.window = {1, 1, 2};
    row.relu = false;
    row.keras = {"conv2d", projections_};
    return table_.Convolution(row);
  }

  TableBuilder table_;
  int last_ = kImage;
  int projections_ = 0;
};

}  // namespace

Architecture Xception() {
  XceptionBuilder net;
  net.Stem();
  net.DownBlock(2, 128, 128, /*relu_first=*/false);
  net.DownBlock(3, 256, 256, /*relu_first=*/true);
  net.DownBlock(4, 728, 728, /*relu_first=*/true);
  for (int block = 5; block <= 12; ++block) net.MiddleBlock(block);
  net.DownBlock(13, 728, 1024, /*relu_first=*/true);
  net.Exit();

  Architecture architecture;
  architecture.name = "xception";
  architecture.family = Family::kKeras;
  architecture.normalization = Normalization::kTf;
  architecture.input_size = 299;
  architecture.min_input_size = 71;
  return net.Finish(architecture);
}

}  // namespace nevus
