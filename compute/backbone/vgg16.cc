#include "compute/backbone/vgg16.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compute/backbone/table_builder.h"

namespace nevus {

Architecture Vgg16(Family family) {
  // torchvision counts its ReLUs and pools among the features.
  const std::vector<std::vector<int>> kFeatures = {
      {0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};
  TableBuilder table(TensorNaming::kTorchvision, /*epsilon=*/0);
  int last = kImage;
  for (int block = 1; block <= 5; ++block) {
    for (size_t i = 0; i < kFeatures[block - 1].size(); ++i) {
      ConvolutionRow row;
      row.name = absl::StrCat("block", block, "_conv", i + 1);
      row.inputs = {last};
      row.channels = block == 5 ? 512 : 32 << block;
      row.window = Centered(3, 3);
      row.tensors = absl::StrCat("features.", kFeatures[block - 1][i]);
      row.keras = {row.name};
      row.bias = true;
      last = table.Convolution(row);
      table.Cut(/*ends_block=*/false);
    }
    last =
        table.MaxPool(absl::StrCat("block", block, "_pool"), last, {2, 2, 2});
    table.Cut();
  }

  Architecture architecture;
  architecture.name = "vgg16";
  architecture.family = family;
  architecture.normalization = family == Family::kKeras
                                   ? Normalization::kCaffe
                                   : Normalization::kTorchvision;
  return table.Finish(architecture);
}

}  // namespace nevus
