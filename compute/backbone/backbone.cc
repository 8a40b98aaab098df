#include "compute/backbone/backbone.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/calibration.h"
#include "compute/backbone/keras_h5.h"
#include "compute/backbone/layers.h"
#include "compute/backbone/onednn_network.h"
#include "compute/backbone/safetensors.h"
#include "compute/backbone/vgg16.h"
#include "compute/backbone/vgg16_network.h"
#include "compute/torch/script_module.h"

namespace nevus {
namespace {

constexpr int kDefaultInputSize = 224;
// Five pools halve 32 to 1. At 1024 an activation takes 270 MB.
constexpr int kMinInputSize = 32, kMaxInputSize = 1024;

class Vgg16Backbone : public Backbone {
 public:
  Vgg16Backbone(BackboneInfo info, Vgg16Weights weights)
      : Backbone(std::move(info)), weights_(std::move(weights)) {}

  absl::StatusOr<std::unique_ptr<Network>> NewNetwork(
      const std::string& cut_name, Arithmetic arithmetic,
      int threads) const override {
    ASSIGN_OR_RETURN(const Cut found, FindCut(info(), cut_name));
    RETURN_IF_ERROR(CheckArithmetic(info(), arithmetic));
    return NewOnednnNetwork(CutAt(Vgg16Layers(), found.name), {found.name},
                            Vgg16LayerWeights(weights_), arithmetic,
                            Calibration(), info().input_size, threads);
  }

  const Vgg16Weights* vgg16() const override { return &weights_; }

 private:
  const Vgg16Weights weights_;
};

class ScriptNetwork : public Network {
 public:
  ScriptNetwork(std::shared_ptr<const ScriptModule> module, int threads)
      : module_(std::move(module)), threads_(threads) {}
  int callers() const override { return threads_; }
  absl::Status Run(const float* planes, float* activation) override {
    return module_->Run(planes, activation);
  }

 private:
  const std::shared_ptr<const ScriptModule> module_;
  const int threads_;
};

class ScriptBackbone : public Backbone {
 public:
  ScriptBackbone(BackboneInfo info, std::unique_ptr<ScriptModule> module)
      : Backbone(std::move(info)), module_(std::move(module)) {}

  absl::StatusOr<std::unique_ptr<Network>> NewNetwork(
      const std::string& cut, Arithmetic arithmetic,
      int threads) const override {
    RETURN_IF_ERROR(FindCut(info(), cut).status());
    RETURN_IF_ERROR(CheckArithmetic(info(), arithmetic));
    return std::make_unique<ScriptNetwork>(module_, threads);
  }

 private:
  // Shared with the networks, which may outlive the backbone: the module is
  // immutable, and a copy would double its memory.
  const std::shared_ptr<const ScriptModule> module_;
};

std::string Vgg16Digest(const Vgg16Weights& weights, int input_size) {
  Sha256 digest;
  digest.UpdateField("vgg16");
  digest.UpdateField(std::to_string(input_size));
  for (const auto& [name, tensor] : weights.tensors) {
    digest.UpdateField(name);
    digest.UpdateField(ShapeText(tensor.shape));
    digest.UpdateField({reinterpret_cast<const char*>(tensor.values.data()),
                        tensor.values.size() * sizeof(float)});
  }
  return digest.Hex();
}

struct Vgg16File {
  std::string kind;
  Normalization normalization;
  Vgg16Weights weights;
};

absl::StatusOr<Vgg16File> ReadVgg16(const BackboneSource& source) {
  if (source.random_seed) {
    return Vgg16File{"random", Normalization::kTorchvision,
                     RandomVgg16(*source.random_seed)};
  }
  if (LooksLikeHdf5(source.weights)) {
    ASSIGN_OR_RETURN(Tensors tensors, ReadKerasVgg16(source.weights));
    ASSIGN_OR_RETURN(Vgg16Weights weights,
                     Vgg16FromTensors(std::move(tensors)));
    return Vgg16File{"keras_h5", Normalization::kCaffe, std::move(weights)};
  }
  if (absl::StartsWith(source.weights, "PK\x03\x04")) {
    return BadWeights(
        "the file is a PyTorch archive (.pt, .pth); vgg16 is read from "
        ".safetensors or Keras's .h5. Save its state_dict with "
        "safetensors.torch.save_file, or import a TorchScript file with "
        "--arch torchscript");
  }
  if (!LooksLikeSafetensors(source.weights)) {
    return BadWeights(absl::StrCat(
        "the file (", source.weights.size(),
        " bytes) is neither .safetensors nor Keras's .h5 by its content. Give "
        "VGG16's weights in one of these two forms"));
  }
  ASSIGN_OR_RETURN(Tensors tensors,
                   ReadSafetensors(source.weights, Vgg16Shapes()));
  ASSIGN_OR_RETURN(Vgg16Weights weights, Vgg16FromTensors(std::move(tensors)));
  return Vgg16File{"safetensors", Normalization::kTorchvision,
                   std::move(weights)};
}

absl::StatusOr<std::unique_ptr<Backbone>> LoadVgg16(
    const BackboneSource& source) {
  ASSIGN_OR_RETURN(Vgg16File file, ReadVgg16(source));
  BackboneInfo info;
  info.arch = source.arch;
  info.input_size = source.input_size;
  info.normalization = source.normalization.value_or(file.normalization);
  info.weights_kind = file.kind;
  info.digest = Vgg16Digest(file.weights, source.input_size);
  for (const Vgg16Cut& cut : Vgg16Cuts()) {
    if (cut.convs > file.weights.convs) break;
    const int size = source.input_size / cut.stride;
    info.cuts.push_back({cut.name, cut.channels, size, size});
    if (cut.pooled) {
      info.default_cut = cut.name;
      continue;
    }
    const Vgg16Conv& conv = Vgg16Convs()[cut.convs - 1];
    const int64_t products = int64_t{9} * conv.in * conv.out;
    info.parameters += products + conv.out;
    info.gmac += 1e-9 * products * size * size;
  }
  // A file that ends before the first pool.
  if (info.default_cut.empty()) info.default_cut = info.cuts.back().name;
  return std::make_unique<Vgg16Backbone>(std::move(info),
                                         std::move(file.weights));
}

absl::StatusOr<std::unique_ptr<Backbone>> LoadScript(
    const BackboneSource& source) {
  if (source.random_seed) {
    return BadWeights(
        "a TorchScript file brings its own weights; random ones exist for "
        "vgg16 only. Give the file");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ScriptModule> module,
                   ScriptModule::Load(source.weights, source.input_size));
  BackboneInfo info;
  info.arch = source.arch;
  info.input_size = source.input_size;
  info.normalization =
      source.normalization.value_or(Normalization::kTorchvision);
  info.weights_kind = "torchscript";
  Sha256 digest;
  digest.UpdateField(source.arch);
  digest.UpdateField(std::to_string(source.input_size));
  digest.UpdateField(source.weights);
  info.digest = digest.Hex();
  info.cuts = {
      {"output", module->channels(), module->height(), module->width()}};
  info.default_cut = "output";
  info.parameters = module->parameters();
  return std::make_unique<ScriptBackbone>(std::move(info), std::move(module));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backbone>> Backbone::Load(
    const BackboneSource& given) {
  if (given.arch != "vgg16" && given.arch != "torchscript") {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "architecture ", Quoted(given.arch),
            " is not known; it is vgg16 or torchscript. Export any other "
            "network as TorchScript and import it as that")),
        "ARCH_UNKNOWN", {{"arch", given.arch}});
  }
  if (given.weights.empty() != given.random_seed.has_value()) {
    return BadWeights(
        given.weights.empty()
            ? "there are no weights: the file is empty. Give a weight file, or "
              "random:SEED to try things out"
            : "both a weight file and a random seed are given. Give one");
  }
  BackboneSource source = given;
  if (source.input_size == 0) source.input_size = kDefaultInputSize;
  if (source.input_size < kMinInputSize || source.input_size > kMaxInputSize) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "input size ", source.input_size, " is out of range; ",
            kMinInputSize, " to ", kMaxInputSize,
            " pixels are possible. Leave it out for ", kDefaultInputSize)),
        "INPUT_SIZE_INVALID");
  }
  return source.arch == "vgg16" ? LoadVgg16(source) : LoadScript(source);
}

absl::StatusOr<Cut> FindCut(const BackboneInfo& info, const std::string& name) {
  const std::string& wanted = name.empty() ? info.default_cut : name;
  std::vector<std::string> names;
  for (const Cut& cut : info.cuts) {
    if (cut.name == wanted) return cut;
    names.push_back(cut.name);
  }
  for (const Vgg16Cut& cut : Vgg16Cuts()) {
    if (info.arch != "vgg16" || cut.name != wanted) continue;
    // Each convolution gives a cut of its own, so the last cut tells how far
    // the weights reach.
    const std::vector<Vgg16Cut> all = Vgg16Cuts();
    const std::string missing =
        Vgg16Convs()[all[info.cuts.size() - 1].convs].weight();
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "cut ", wanted, " lies behind the weights: they end at ",
            names.back(), ", tensor ", missing,
            " is missing. Choose an earlier cut, or import a whole file")),
        "CUT_UNREACHED", {{"cut", wanted}, {"tensor", missing}});
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "cut ", Quoted(wanted), " is not known to ", info.arch, "; it has ",
          absl::StrJoin(names, ", "), ". Choose one of them")),
      "CUT_UNKNOWN", {{"cut", wanted}});
}

absl::Status CheckArithmetic(const BackboneInfo& info, Arithmetic arithmetic) {
  if (info.arch == "torchscript" && arithmetic != Arithmetic::kFp32) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "precision ", ArithmeticName(arithmetic),
            " is not there for TorchScript; such a network runs as its author "
            "wrote it. Use fp32 or auto")),
        "ARITHMETIC_UNSUPPORTED", {{"precision", ArithmeticName(arithmetic)}});
  }
  return CheckArithmeticSupported(arithmetic);
}

}  // namespace nevus
