#include "compute/backbone/weight_file.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/keras_h5.h"
#include "compute/backbone/safetensors.h"

namespace nevus {

absl::StatusOr<WeightFile> ReadWeightFile(const std::string& arch,
                                          std::string_view bytes) {
  if (LooksLikeHdf5(bytes)) {
    std::vector<KerasTensor> wanted;
    for (const ConvolutionSource& source :
         MakeArchitecture(arch, Family::kKeras).sources) {
      for (const TensorSource& tensor : source.tensors) {
        wanted.push_back(
            {tensor.name, tensor.keras_layer, tensor.keras_role, tensor.shape});
      }
    }
    ASSIGN_OR_RETURN(Tensors tensors, ReadKerasH5(bytes, wanted));
    return WeightFile{"keras_h5", Family::kKeras, std::move(tensors)};
  }
  const bool torchvision = HasFamily(arch, Family::kTorchvision);
  const std::string kinds =
      torchvision ? ".safetensors or Keras's .h5" : "Keras's .h5";
  if (bytes.substr(0, 4) == "PK\x03\x04") {
    return BadWeights(absl::StrCat(
        "the file is a PyTorch archive (.pt, .pth); ", arch, " is read from ",
        kinds,
        torchvision ? ". Save its state_dict with safetensors.torch.save_file, "
                      "or import"
                    : ". Import",
        " a TorchScript file with --arch torchscript"));
  }
  if (!LooksLikeSafetensors(bytes)) {
    return BadWeights(absl::StrCat(
        "the file (", bytes.size(), " bytes) is ",
        torchvision ? "neither .safetensors nor Keras's .h5" : "no Keras .h5",
        " by its content. Give weights of ", arch, " as ", kinds));
  }
  if (!torchvision) {
    return BadWeights(absl::StrCat(
        "the file is .safetensors; ", arch, " is read from ", kinds,
        ", as its weights are published in. Give that file, or export the "
        "network as TorchScript"));
  }
  ASSIGN_OR_RETURN(Tensors tensors,
                   ReadSafetensors(bytes, ShapesOf(MakeArchitecture(
                                              arch, Family::kTorchvision))));
  return WeightFile{"safetensors", Family::kTorchvision, std::move(tensors)};
}

}  // namespace nevus
