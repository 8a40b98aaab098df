#include "compute/backbone/inception_v3.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/backbone/table_builder.h"

namespace nevus {
namespace {

// One convolution of a branch.
struct Step {
  const char* torchvision;  // "branch5x5_1"
  int channels;
  Window window;
};

class InceptionBuilder {
 public:
  explicit InceptionBuilder(Family family)
      : keras_(family == Family::kKeras),
        table_(TensorNaming::kTorchvision, 1e-3) {}

  // Keras leaves the names to its counters, which give each convolution and its
  // batch normalisation the same number, in this order.
  int Convolution(const std::string& name, const std::string& torchvision,
                  int input, int channels, const Window& window) {
    ++number_;
    ConvolutionRow row;
    row.name = name;
    row.inputs = {input};
    row.channels = channels;
    row.window = window;
    row.tensors = torchvision + ".conv";
    row.keras = {"conv2d", number_};
    row.norm = torchvision + ".bn";
    row.keras_norm = {"batch_normalization", number_};
    row.norm_scale = !keras_;
    return table_.Convolution(row);
  }

  // Begins the block that reads what the last one gave.
  void Begin(int number, const std::string& torchvision) {
    block_ = absl::StrCat("mixed", number);
    torchvision_ = torchvision;
    input_ = last_;
    branches_.clear();
  }

  // From the block's input through `steps`. The last layer, which is an end of
  // the branch unless `ends` is false.
  int Branch(const std::vector<Step>& steps, bool ends = true) {
    int layer = input_;
    for (const Step& step : steps) layer = Extend(layer, step);
    if (ends) branches_.push_back(layer);
    return layer;
  }

  // `step` behind `layer`, an end.
  void Fork(int layer, const Step& step) {
    branches_.push_back(Extend(layer, step));
  }

  void AveragePoolBranch(int channels) {
    Window window = Centered(3, 3);
    window.count_padding = !keras_;
    const int pool =
        table_.AveragePool(block_ + "_average_pool", input_, window);
    Fork(pool, {"branch_pool", channels, {1, 1}});
  }

  void MaxPoolBranch() {
    branches_.push_back(
        table_.MaxPool(block_ + "_max_pool", input_, {3, 3, 2}));
  }

  void End() {
    last_ = table_.Concat(block_, branches_);
    table_.Cut();
  }

  void Stem() {
    last_ = Convolution("stem_conv1", "Conv2d_1a_3x3", kImage, 32, {3, 3, 2});
    last_ = Convolution("stem_conv2", "Conv2d_2a_3x3", last_, 32, {3, 3});
    last_ =
        Convolution("stem_conv3", "Conv2d_2b_3x3", last_, 64, Centered(3, 3));
    last_ = table_.MaxPool("stem_pool1", last_, {3, 3, 2});
    table_.Cut();
    last_ = Convolution("stem_conv4", "Conv2d_3b_1x1", last_, 80, {1, 1});
    last_ = Convolution("stem_conv5", "Conv2d_4a_3x3", last_, 192, {3, 3});
    last_ = table_.MaxPool("stem_pool2", last_, {3, 3, 2});
    table_.Cut();
  }

  Architecture Finish(Architecture architecture) {
    return table_.Finish(std::move(architecture));
  }

 private:
  int Extend(int layer, const Step& step) {
    return Convolution(absl::StrCat(block_, "_", step.torchvision),
                       absl::StrCat(torchvision_, ".", step.torchvision), layer,
                       step.channels, step.window);
  }

  const bool keras_;
  TableBuilder table_;
  int number_ = 0;
  int last_ = kImage;
  std::string block_, torchvision_;
  int input_ = kImage;
  std::vector<int> branches_;
};

// The paper's figure 5, at 35 x 35.
void AddBlockA(InceptionBuilder& net, int number, const std::string& name,
               int pool_channels) {
  net.Begin(number, name);
  net.Branch({{"branch1x1", 64, {1, 1}}});
  net.Branch(
      {{"branch5x5_1", 48, {1, 1}}, {"branch5x5_2", 64, Centered(5, 5)}});
  net.Branch({{"branch3x3dbl_1", 64, {1, 1}},
              {"branch3x3dbl_2", 96, Centered(3, 3)},
              {"branch3x3dbl_3", 96, Centered(3, 3)}});
  net.AveragePoolBranch(pool_channels);
  net.End();
}

// Figure 6, at 17 x 17: 7x7 as 1x7 and 7x1, `width` channels between them.
void AddBlockC(InceptionBuilder& net, int number, const std::string& name,
               int width) {
  const Window row = Centered(1, 7), column = Centered(7, 1);
  net.Begin(number, name);
  net.Branch({{"branch1x1", 192, {1, 1}}});
  net.Branch({{"branch7x7_1", width, {1, 1}},
              {"branch7x7_2", width, row},
              {"branch7x7_3", 192, column}});
  net.Branch({{"branch7x7dbl_1", width, {1, 1}},
              {"branch7x7dbl_2", width, column},
              {"branch7x7dbl_3", width, row},
              {"branch7x7dbl_4", width, column},
              {"branch7x7dbl_5", 192, row}});
  net.AveragePoolBranch(192);
  net.End();
}

// Figure 7, at 8 x 8: branches that fork.
void AddBlockE(InceptionBuilder& net, int number, const std::string& name) {
  const Window row = Centered(1, 3), column = Centered(3, 1);
  net.Begin(number, name);
  net.Branch({{"branch1x1", 320, {1, 1}}});
  const int once = net.Branch({{"branch3x3_1", 384, {1, 1}}}, /*ends=*/false);
  net.Fork(once, {"branch3x3_2a", 384, row});
  net.Fork(once, {"branch3x3_2b", 384, column});
  const int twice = net.Branch({{"branch3x3dbl_1", 448, {1, 1}},
                                {"branch3x3dbl_2", 384, Centered(3, 3)}},
                               /*ends=*/false);
  net.Fork(twice, {"branch3x3dbl_3a", 384, row});
  net.Fork(twice, {"branch3x3dbl_3b", 384, column});
  net.AveragePoolBranch(192);
  net.End();
}

}  // namespace

Architecture InceptionV3(Family family) {
  InceptionBuilder net(family);
  net.Stem();
  AddBlockA(net, 0, "Mixed_5b", 32);
  AddBlockA(net, 1, "Mixed_5c", 64);
  AddBlockA(net, 2, "Mixed_5d", 64);

  net.Begin(3, "Mixed_6a");
  net.Branch({{"branch3x3", 384, {3, 3, 2}}});
  net.Branch({{"branch3x3dbl_1", 64, {1, 1}},
              {"branch3x3dbl_2", 96, Centered(3, 3)},
              {"branch3x3dbl_3", 96, {3, 3, 2}}});
  net.MaxPoolBranch();
  net.End();

  AddBlockC(net, 4, "Mixed_6b", 128);
  AddBlockC(net, 5, "Mixed_6c", 160);
  AddBlockC(net, 6, "Mixed_6d", 160);
  AddBlockC(net, 7, "Mixed_6e", 192);

  net.Begin(8, "Mixed_7a");
  net.Branch({{"branch3x3_1", 192, {1, 1}}, {"branch3x3_2", 320, {3, 3, 2}}});
  net.Branch({{"branch7x7x3_1", 192, {1, 1}},
              {"branch7x7x3_2", 192, Centered(1, 7)},
              {"branch7x7x3_3", 192, Centered(7, 1)},
              {"branch7x7x3_4", 192, {3, 3, 2}}});
  net.MaxPoolBranch();
  net.End();

  AddBlockE(net, 9, "Mixed_7b");
  AddBlockE(net, 10, "Mixed_7c");

  Architecture architecture;
  architecture.name = "inception_v3";
  architecture.family = family;
  architecture.normalization = Normalization::kTf;
  architecture.input_size = 299;
  architecture.min_input_size = 75;
  return net.Finish(architecture);
}

}  // namespace nevus
