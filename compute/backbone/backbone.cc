#include "compute/backbone/backbone.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/architecture.h"
#include "compute/backbone/table_backbone.h"
#include "compute/backbone/tensor.h"
#include "compute/torch/script_module.h"

namespace nevus {
namespace {

constexpr int kMaxInputSize = 1024;  // an activation then takes 270 MB

bool IsTable(const std::string& arch) {
  const std::vector<std::string>& names = ArchitectureNames();
  return std::find(names.begin(), names.end(), arch) != names.end();
}

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

  const ScriptModule* script() const override { return module_.get(); }

  absl::StatusOr<std::unique_ptr<Network>> NewNetwork(
      const std::string& cut, Arithmetic arithmetic,
      const Calibration& /*calibration*/, int threads) const override {
    RETURN_IF_ERROR(FindCut(info(), cut).status());
    RETURN_IF_ERROR(CheckArithmetic(info(), arithmetic));
    RETURN_IF_ERROR(CheckArithmeticSupported(arithmetic));  // no GPU's
    return std::make_unique<ScriptNetwork>(module_, threads);
  }

 private:
  // Shared with the networks, which may outlive the backbone: the module is
  // immutable, and a copy would double its memory.
  const std::shared_ptr<const ScriptModule> module_;
};

absl::StatusOr<std::unique_ptr<Backbone>> LoadScript(
    const BackboneSource& source) {
  if (source.random_seed) {
    return BadWeights(
        "a TorchScript file brings its own weights; random ones exist for the "
        "networks that are built in. Give the file");
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
  const bool table = IsTable(given.arch);
  if (!table && given.arch != "torchscript") {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "architecture ", Quoted(given.arch), " is not known; it is ",
            absl::StrJoin(ArchitectureNames(), ", "),
            " or torchscript. Export any other network as TorchScript and "
            "import it as that")),
        "ARCH_UNKNOWN", {{"arch", given.arch}});
  }
  if (given.weights.empty() != given.random_seed.has_value()) {
    return BadWeights(
        given.weights.empty()
            ? "there are no weights: the file is empty. Give a weight file, or "
              "random:SEED to try things out"
            : "both a weight file and a random seed are given. Give one");
  }
  Architecture sizes;  // TorchScript's are those of most networks
  if (table) sizes = MakeArchitecture(given.arch, FirstFamily(given.arch));
  BackboneSource source = given;
  if (source.input_size == 0) source.input_size = sizes.input_size;
  if (source.input_size < sizes.min_input_size ||
      source.input_size > kMaxInputSize) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "input size ", source.input_size, " is out of range; ",
            sizes.min_input_size, " to ", kMaxInputSize,
            " pixels are possible. Leave it out for ", sizes.input_size)),
        "INPUT_SIZE_INVALID");
  }
  return table ? LoadTableBackbone(source) : LoadScript(source);
}

absl::StatusOr<Cut> FindCut(const BackboneInfo& info, const std::string& name) {
  const std::string& wanted = name.empty() ? info.default_cut : name;
  std::vector<std::string> names;
  for (const Cut& cut : info.cuts) {
    if (cut.name == wanted) return cut;
    names.push_back(cut.name);
  }
  if (IsTable(info.arch)) {
    // All families can be cut at the same layers.
    for (const CutPoint& cut :
         MakeArchitecture(info.arch, FirstFamily(info.arch)).cuts) {
      if (cut.layer != wanted) continue;
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "cut ", wanted, " lies behind the weights: they end at ",
              names.back(), ", tensor ", info.missing_tensor,
              " is missing. Choose an earlier cut, or import a whole file")),
          "CUT_UNREACHED", {{"cut", wanted}, {"tensor", info.missing_tensor}});
    }
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "cut ", Quoted(wanted), " is not known to ", info.arch, "; it has ",
          absl::StrJoin(names, ", "), ". Choose one of them")),
      "CUT_UNKNOWN", {{"cut", wanted}});
}

absl::StatusOr<std::vector<Cut>> FindCuts(const BackboneInfo& info,
                                          const std::string& names) {
  std::vector<Cut> cuts;
  std::set<std::string> seen;
  const std::vector<std::string> list = absl::StrSplit(names, ',');
  for (const std::string& name : list) {
    if (name.empty() && list.size() > 1) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "the list of cuts ", Quoted(names),
              " has an empty name. Separate names by single commas")),
          "CUT_UNKNOWN", {{"cut", names}});
    }
    ASSIGN_OR_RETURN(Cut cut, FindCut(info, name));
    if (!seen.insert(cut.name).second) {
      return WithReason(
          absl::InvalidArgumentError(absl::StrCat(
              "cut ", cut.name, " is named twice in ", Quoted(names),
              "; its values would be joined to themselves. Name it once")),
          "CUT_REPEATED", {{"cut", cut.name}});
    }
    cuts.push_back(std::move(cut));
  }
  return cuts;
}

std::string CutNames(const std::vector<Cut>& cuts) {
  std::vector<std::string> names;
  for (const Cut& cut : cuts) names.push_back(cut.name);
  return absl::StrJoin(names, ",");
}

absl::Status CheckArithmetic(const BackboneInfo& info, Arithmetic arithmetic) {
  // Whoever computes may have one.
  if (RunsOnGpu(arithmetic)) return absl::OkStatus();
  if (info.arch == "torchscript" && arithmetic != Arithmetic::kFp32) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "precision ", ArithmeticName(arithmetic),
            " is not there for TorchScript; on a processor such a network runs "
            "as its author wrote it. Use fp32 or auto")),
        "ARITHMETIC_UNSUPPORTED", {{"precision", ArithmeticName(arithmetic)}});
  }
  return CheckArithmeticSupported(arithmetic);
}

}  // namespace nevus
