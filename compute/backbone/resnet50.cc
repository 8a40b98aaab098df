#include "compute/backbone/resnet50.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/backbone/table_builder.h"

namespace nevus {
namespace {

// What torchvision calls a block's convolutions and batch normalisations, by
// the number that Keras gives them: 0 is the projection of the residual.
constexpr const char* kConvolutions[] = {"downsample.0", "conv1", "conv2",
                                         "conv3"};
constexpr const char* kNorms[] = {"downsample.1", "bn1", "bn2", "bn3"};

// A stage's block: 1x1, 3x3, 1x1, and the block's input added before the last
// ReLU; the stage's first block projects its input by another 1x1.
class Stage {
 public:
  // `number` as in the names of its layers, 2 to 5.
  Stage(int number, int width, Family family, TableBuilder& table)
      : number_(number), width_(width), family_(family), table_(table) {}

  int AddBlock(int block, int input, int stride) {
    const std::string name = absl::StrCat("conv", number_, "_block", block);
    const bool late = family_ == Family::kTorchvision;
    int residual = input;
    if (block == 1) {
      ConvolutionRow row = Row(name, block, 0, input);
      row.name = name + "_0_bn";
      row.channels = 4 * width_;
      row.window = {1, 1, stride};
      row.relu = false;
      residual = table_.Convolution(row);
    }
    ConvolutionRow first = Row(name, block, 1, input);
    first.window = {1, 1, late ? 1 : stride};
    ConvolutionRow second = Row(name, block, 2, table_.Convolution(first));
    second.window = Centered(3, 3, late ? stride : 1);
    ConvolutionRow third = Row(name, block, 3, table_.Convolution(second));
    third.name = name + "_out";
    third.inputs.push_back(residual);
    third.channels = 4 * width_;
    return table_.Convolution(third);
  }

 private:
  ConvolutionRow Row(const std::string& name, int block, int number,
                     int input) const {
    const std::string torchvision =
        absl::StrCat("layer", number_ - 1, ".", block - 1, ".");
    ConvolutionRow row;
    row.name = absl::StrCat(name, "_", number, "_relu");
    row.inputs = {input};
    row.channels = width_;
    row.tensors = torchvision + kConvolutions[number];
    row.keras = {absl::StrCat(name, "_", number, "_conv")};
    row.bias = family_ == Family::kKeras;
    row.norm = torchvision + kNorms[number];
    row.keras_norm = {absl::StrCat(name, "_", number, "_bn")};
    return row;
  }

  const int number_, width_;
  const Family family_;
  TableBuilder& table_;
};

}  // namespace

Architecture Resnet50(Family family) {
  const bool keras = family == Family::kKeras;
  TableBuilder table(TensorNaming::kTorchvision, keras ? 1.001e-5 : 1e-5);

  ConvolutionRow stem;
  stem.name = "conv1_relu";
  stem.inputs = {kImage};
  stem.channels = 64;
  stem.window = Centered(7, 7, 2);
  stem.tensors = "conv1";
  stem.keras = {"conv1_conv"};
  stem.bias = keras;
  stem.norm = "bn1";
  stem.keras_norm = {"conv1_bn"};
  int last = table.Convolution(stem);
  table.Cut(/*ends_block=*/false);
  // Keras pads with zeros, which no output of a ReLU lies below.
  last = table.MaxPool("pool1_pool", last, Centered(3, 3, 2));
  table.Cut();

  const int kBlocks[] = {3, 4, 6, 3};
  for (int i = 0; i < 4; ++i) {
    Stage stage(i + 2, 64 << i, family, table);
    for (int block = 1; block <= kBlocks[i]; ++block) {
      last = stage.AddBlock(block, last, block == 1 && i > 0 ? 2 : 1);
      table.Cut();
    }
  }

  Architecture architecture;
  architecture.name = "resnet50";
  architecture.family = family;
  architecture.normalization =
      keras ? Normalization::kCaffe : Normalization::kTorchvision;
  return table.Finish(architecture);
}

}  // namespace nevus
