#include "compute/backbone/squeezenet1_1.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compute/backbone/table_builder.h"

namespace nevus {
namespace {

class SqueezenetBuilder {
 public:
  SqueezenetBuilder() : table_(TensorNaming::kTorchvision, /*epsilon=*/0) {}

  void Stem() {
    last_ = Convolution("conv1", "features.0", kImage, 64, {3, 3, 2});
    table_.Cut(/*ends_block=*/false);
  }

  // Caffe and torchvision round the size of a pool up.
  void Pool(int number) {
    Window window = {3, 3, 2};
    window.ceil_mode = true;
    last_ = table_.MaxPool(absl::StrCat("pool", number), last_, window);
    table_.Cut();
  }

  // 1x1 to a quarter or an eighth of the channels, then 1x1 and 3x3 beside each
  // other. `feature`: torchvision counts its ReLUs and pools among the
  // features.
  void Fire(int number, int feature, int squeeze, int expand) {
    const std::string name = absl::StrCat("fire", number);
    const std::string tensors = absl::StrCat("features.", feature);
    const int squeezed = Convolution(name + "_squeeze1x1", tensors + ".squeeze",
                                     last_, squeeze, {1, 1});
    const int small = Convolution(name + "_expand1x1", tensors + ".expand1x1",
                                  squeezed, expand, {1, 1});
    const int large = Convolution(name + "_expand3x3", tensors + ".expand3x3",
                                  squeezed, expand, Centered(3, 3));
    last_ = table_.Concat(name, {small, large});
    table_.Cut();
  }

  Architecture Finish(Architecture architecture) {
    return table_.Finish(std::move(architecture));
  }

 private:
  int Convolution(const std::string& name, const std::string& tensors,
                  int input, int channels, const Window& window) {
    ConvolutionRow row;
    row.name = name;
    row.inputs = {input};
    row.channels = channels;
    row.window = window;
    row.tensors = tensors;
    row.bias = true;
    return table_.Convolution(row);
  }

  TableBuilder table_;
  int last_ = kImage;
};

}  // namespace

Architecture Squeezenet1_1() {
  SqueezenetBuilder net;
  net.Stem();
  net.Pool(1);
  net.Fire(2, 3, 16, 64);
  net.Fire(3, 4, 16, 64);
  net.Pool(3);
  net.Fire(4, 6, 32, 128);
  net.Fire(5, 7, 32, 128);
  net.Pool(5);
  net.Fire(6, 9, 48, 192);
  net.Fire(7, 10, 48, 192);
  net.Fire(8, 11, 64, 256);
  net.Fire(9, 12, 64, 256);

  Architecture architecture;
  architecture.name = "squeezenet1_1";
  return net.Finish(architecture);
}

}  // namespace nevus
