// What is known of a public network before any weights: its table of layers,
// what its tensors are called in each kind of weight file, where it may be cut,
// and how it wants its input. One file an architecture makes one of these; no
// weights and no arithmetic here.
#ifndef NEVUS_COMPUTE_BACKBONE_ARCHITECTURE_H_
#define NEVUS_COMPUTE_BACKBONE_ARCHITECTURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/keras_h5.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/tensor.h"
#include "compute/image/preprocess.h"

namespace nevus {

// Whose weights they are. The families differ in more than names: in ResNet-50
// the stride lies elsewhere, in Inception v3 the average pools divide by
// another number.
enum class Family { kTorchvision, kKeras };

// "torchvision", "keras".
const char* FamilyName(Family family);

// One tensor of a weight file.
struct TensorSource {
  // Ours, in every family; torchvision's, where torchvision has the network.
  std::string name;
  Shape shape;  // convolutions: OIHW
  KerasLayer keras_layer;
  KerasRole keras_role = KerasRole::kKernel;

  // `name`, and Keras's layer where that is called otherwise.
  std::string Text() const;
};

// Where a convolution's weights come from.
struct ConvolutionSource {
  int layer = 0;  // index in the table
  // The kernel, then what else there is: bias; scale, shift, mean and variance
  // of the batch normalisation that is folded into it.
  std::vector<TensorSource> tensors;
  double epsilon = 0;  // of the batch normalisation
};

struct CutPoint {
  std::string layer;
  // A block ends here. The default cut is the last such that is reached.
  bool ends_block = true;
};

struct Architecture {
  std::string name;
  Family family = Family::kTorchvision;
  Normalization normalization = Normalization::kTorchvision;
  int input_size = 224;  // unless told otherwise
  int min_input_size = 32;
  Layers layers;
  std::vector<ConvolutionSource> sources;  // in the order of the table
  std::vector<CutPoint> cuts;              // likewise
};

// "vgg16", "resnet50", "inception_v3", "xception", "squeezenet1_1".
const std::vector<std::string>& ArchitectureNames();

// Whether `name` exists in the family: Xception has Keras's weights alone,
// SqueezeNet torchvision's.
bool HasFamily(const std::string& name, Family family);

// torchvision, where it has the network.
Family FirstFamily(const std::string& name);

// REQUIRES: HasFamily(name, family).
Architecture MakeArchitecture(const std::string& name, Family family);

// The shape of every tensor, by our name.
TensorShapes ShapesOf(const Architecture& architecture);

// The number of values in `source` as its family publishes it: Keras counts the
// running mean and variance of a batch normalisation, torchvision does not.
int64_t CountParameters(const ConvolutionSource& source, Family family);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_BACKBONE_ARCHITECTURE_H_
