#include "compute/backbone/table_backbone.h"

#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/folding.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/random_weights.h"
#include "compute/backbone/weight_file.h"

namespace nevus {
namespace {

class TableBackbone : public Backbone {
 public:
  TableBackbone(BackboneInfo info, NetworkTable table)
      : Backbone(std::move(info)), table_(std::move(table)) {}

  absl::StatusOr<std::unique_ptr<Network>> NewNetwork(
      const std::string& cut_names, Arithmetic arithmetic,
      const Calibration& calibration, int threads) const override {
    ASSIGN_OR_RETURN(const std::vector<Cut> cuts, FindCuts(info(), cut_names));
    RETURN_IF_ERROR(CheckArithmetic(info(), arithmetic));
    std::vector<std::string> names;
    for (const Cut& cut : cuts) names.push_back(cut.name);
    return NewOnednnNetwork(CutAtAll(table_.layers, names), names,
                            table_.weights, arithmetic, calibration,
                            info().input_size, threads);
  }

  const NetworkTable* table() const override { return &table_; }

 private:
  const NetworkTable table_;
};

// Over the tensors as they are in the file, before anything is folded. The
// family is left out for VGG16, whose network does not depend on it: the same
// weights are the same backbone whichever file they came in.
std::string DigestOf(const Architecture& architecture, int input_size,
                     const Tensors& tensors) {
  Sha256 digest;
  digest.UpdateField(architecture.name);
  digest.UpdateField(std::to_string(input_size));
  if (architecture.name != "vgg16") {
    digest.UpdateField(FamilyName(architecture.family));
  }
  for (const auto& [name, tensor] : tensors) {
    digest.UpdateField(name);
    digest.UpdateField(ShapeText(tensor.shape));
    digest.UpdateField({reinterpret_cast<const char*>(tensor.values.data()),
                        tensor.values.size() * sizeof(float)});
  }
  return digest.Hex();
}

// Cuts, parameters and multiplications of the layers that are reached.
absl::Status Measure(const Architecture& architecture, const Reach& reach,
                     BackboneInfo& info) {
  ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                   InferShapes(architecture.layers, info.input_size));
  for (const ConvolutionSource& source : architecture.sources) {
    if (!reach.layers[source.layer]) continue;
    const LayerShape& shape = shapes[source.layer];
    info.parameters += CountParameters(source, architecture.family);
    info.gmac +=
        1e-9 * Count(source.tensors[0].shape) * shape.height * shape.width;
  }
  for (size_t i = 0, next = 0; i < shapes.size(); ++i) {
    if (next == architecture.cuts.size()) break;
    const CutPoint& cut = architecture.cuts[next];
    if (architecture.layers[i].name != cut.layer) continue;
    ++next;
    if (!reach.layers[i]) break;
    info.cuts.push_back(
        {cut.layer, shapes[i].channels, shapes[i].height, shapes[i].width});
    if (cut.ends_block) info.default_cut = cut.layer;
  }
  // A file that ends before the first block does.
  if (info.default_cut.empty()) info.default_cut = info.cuts.back().name;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backbone>> LoadTableBackbone(
    const BackboneSource& source) {
  WeightFile file;
  if (source.random_seed) {
    file.kind = "random";
    file.family = FirstFamily(source.arch);
  } else {
    ASSIGN_OR_RETURN(file, ReadWeightFile(source.arch, source.weights));
  }
  const Architecture architecture = MakeArchitecture(source.arch, file.family);
  if (source.random_seed) {
    file.tensors = RandomTensors(architecture, *source.random_seed);
  }
  ASSIGN_OR_RETURN(const Reach reach, FindReach(architecture, file.tensors));

  BackboneInfo info;
  info.arch = source.arch;
  info.input_size = source.input_size;
  info.normalization =
      source.normalization.value_or(architecture.normalization);
  info.weights_kind = file.kind;
  info.missing_tensor = reach.first_missing;
  info.digest = DigestOf(architecture, source.input_size, file.tensors);
  RETURN_IF_ERROR(Measure(architecture, reach, info));
  NetworkTable table{architecture.layers, {}};
  ASSIGN_OR_RETURN(table.weights,
                   Fold(architecture, reach, std::move(file.tensors)));
  return std::make_unique<TableBackbone>(std::move(info), std::move(table));
}

}  // namespace nevus
