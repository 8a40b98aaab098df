#include "compute/backbone/architecture.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compute/backbone/inception_v3.h"
#include "compute/backbone/resnet50.h"
#include "compute/backbone/squeezenet1_1.h"
#include "compute/backbone/vgg16.h"
#include "compute/backbone/xception.h"

namespace nevus {

const char* FamilyName(Family family) {
  return family == Family::kTorchvision ? "torchvision" : "keras";
}

std::string TensorSource::Text() const {
  const std::string layer = keras_layer.Text();
  return absl::StartsWith(name, layer)
             ? name
             : absl::StrCat(name, " (", layer, " in Keras)");
}

const std::vector<std::string>& ArchitectureNames() {
  static const auto* const names = new std::vector<std::string>{
      "vgg16", "resnet50", "inception_v3", "xception", "squeezenet1_1"};
  return *names;
}

bool HasFamily(const std::string& name, Family family) {
  if (name == "xception") return family == Family::kKeras;
  if (name == "squeezenet1_1") return family == Family::kTorchvision;
  return true;
}

Family FirstFamily(const std::string& name) {
  return HasFamily(name, Family::kTorchvision) ? Family::kTorchvision
                                               : Family::kKeras;
}

Architecture MakeArchitecture(const std::string& name, Family family) {
  if (name == "resnet50") return Resnet50(family);
  if (name == "inception_v3") return InceptionV3(family);
  if (name == "xception") return Xception();
  if (name == "squeezenet1_1") return Squeezenet1_1();
  return Vgg16(family);
}

TensorShapes ShapesOf(const Architecture& architecture) {
  TensorShapes shapes;
  for (const ConvolutionSource& source : architecture.sources) {
    for (const TensorSource& tensor : source.tensors) {
      shapes[tensor.name] = tensor.shape;
    }
  }
  return shapes;
}

int64_t CountParameters(const ConvolutionSource& source, Family family) {
  int64_t count = 0;
  for (const TensorSource& tensor : source.tensors) {
    const bool statistic = tensor.keras_role == KerasRole::kMovingMean ||
                           tensor.keras_role == KerasRole::kMovingVariance;
    if (statistic && family == Family::kTorchvision) continue;
    count += Count(tensor.shape);
  }
  return count;
}

}  // namespace nevus
