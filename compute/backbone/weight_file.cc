#include "compute/backbone/weight_file.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compute/backbone/keras_h5.h"
#include "compute/backbone/safetensors.h"

namespace nevus {
namespace {

// What `arch` is read from.
std::string KindsOf(const std::string& arch) {
  if (!HasFamily(arch, Family::kKeras)) return ".safetensors";
  if (!HasFamily(arch, Family::kTorchvision)) return "Keras's .h5";
  return ".safetensors or Keras's .h5";
}

absl::Status OtherKind(const std::string& kind, const std::string& arch) {
  return BadWeights(absl::StrCat(
      "the file is ", kind, "; ", arch, " is read from ", KindsOf(arch),
      " alone. Give that, or export the network as TorchScript"));
}

}  // namespace

absl::StatusOr<WeightFile> ReadWeightFile(const std::string& arch,
                                          std::string_view bytes) {
  if (LooksLikeHdf5(bytes)) {
    if (!HasFamily(arch, Family::kKeras)) return OtherKind("HDF5", arch);
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
  if (bytes.substr(0, 4) == "PK\x03\x04") {
    return BadWeights(absl::StrCat(
        "the file is a PyTorch archive (.pt, .pth); ", arch, " is read from ",
        KindsOf(arch),
        torchvision ? ". Make a .safetensors of it with "
                      "clients/python/safetensors_from_torch.py, or import"
                    : ". Import",
        " a TorchScript file with --arch torchscript"));
  }
  if (!LooksLikeSafetensors(bytes)) {
    return BadWeights(absl::StrCat(
        "the file (", bytes.size(), " bytes) is not ", KindsOf(arch),
        " by its content. Give weights of ", arch, " as that"));
  }
  if (!torchvision) return OtherKind(".safetensors", arch);
  ASSIGN_OR_RETURN(Tensors tensors,
                   ReadSafetensors(bytes, ShapesOf(MakeArchitecture(
                                              arch, Family::kTorchvision))));
  return WeightFile{"safetensors", Family::kTorchvision, std::move(tensors)};
}

}  // namespace nevus
