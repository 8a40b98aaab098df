// backbone import, list, show, delete.
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "clients/cpp/upload.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"

namespace nevus {
namespace {

using Stub = v1::BackboneService::Stub;

void PrintBackbone(const v1::Backbone& backbone, Context& context) {
  Table table{{"field", "value"}, {}};
  const auto add = [&](const std::string& field, const std::string& value) {
    table.rows.push_back({field, value});
  };
  add("name", backbone.name());
  add("digest", backbone.digest());
  add("architecture", backbone.arch());
  add("weights", backbone.weights_kind() == "random"
                     ? absl::StrCat("random, seed ", backbone.random_seed())
                     : absl::StrCat(backbone.weights_kind(), ", ",
                                    FormatBytes(backbone.weights_bytes())));
  add("input", absl::StrCat(backbone.input_size(), "x", backbone.input_size()));
  add("preprocessing", backbone.normalization());
  add("parameters", FormatCount(backbone.parameters()));
  for (const v1::Cut& cut : backbone.cuts()) {
    add(cut.name() == backbone.default_cut() ? "cut (default)" : "cut",
        absl::StrCat(cut.name(), " ", cut.channels(), "x", cut.height(), "x",
                     cut.width()));
  }
  context.Print(table, ToJson(backbone));
}

// Why the pixels are prepared as they are: mixing this up is the commonest
// silent error of the field.
std::string WhyPreprocessing(const v1::Backbone& backbone, bool asked) {
  if (asked) return "as --preprocessing asks";
  if (backbone.weights_kind() == "keras_h5") {
    return "Keras's .h5 weights are made for BGR less ImageNet's mean";
  }
  return absl::StrCat(backbone.weights_kind(),
                      " weights are taken as made for RGB with torchvision's "
                      "ImageNet mean and deviation");
}

absl::Status Import(Context& context) {
  const Invocation& line = context.line();
  v1::BackboneUpload upload;
  upload.set_name(context.argument(0));
  upload.set_request_id(RandomHex(16));
  upload.set_arch(line.Text("arch"));
  upload.set_input_size(static_cast<int32_t>(line.Integer("input-size")));
  upload.set_normalization(line.Text("preprocessing"));
  std::string path = line.Text("weights");
  if (absl::StartsWith(path, "random:")) {
    uint64_t seed = 0;
    if (!absl::SimpleAtoi(path.substr(7), &seed)) {
      return UsageError(
          "--weights random:SEED takes a whole number from 0, such "
          "as random:0");
    }
    upload.set_random_seed(seed);
    path.clear();
  }
  ASSIGN_OR_RETURN(Client * client, context.Server());
  v1::Backbone backbone;
  {
    Progress progress(context.terminal(), "upload");
    ASSIGN_OR_RETURN(
        backbone,
        ImportBackbone(*client, upload, path, [&](int64_t sent, int64_t all) {
          progress.Update(sent / 1000, all / 1000, "kB");
        }));
  }
  context.Say(
      absl::StrCat("preprocessing ", backbone.normalization(), ": ",
                   WhyPreprocessing(backbone, line.Has("preprocessing"))));
  PrintBackbone(backbone, context);
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Table table{{"backbone", "architecture", "weights", "input", "preprocessing",
               "default cut", "digest"},
              {}};
  Json json = Json::array();
  v1::ListBackbonesRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListBackbonesResponse page,
                     client->Call(&Stub::ListBackbones, request));
    for (const v1::Backbone& backbone : page.backbones()) {
      table.rows.push_back(
          {backbone.name(), backbone.arch(), backbone.weights_kind(),
           absl::StrCat(backbone.input_size()), backbone.normalization(),
           backbone.default_cut(), ShortDigest(backbone.digest())});
      json.push_back(ToJson(backbone));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.Print(table, json);
  return absl::OkStatus();
}

absl::Status Show(Context& context) {
  v1::GetBackboneRequest request;
  request.set_name(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Backbone backbone,
                   client->Call(&Stub::GetBackbone, request));
  PrintBackbone(backbone, context);
  return absl::OkStatus();
}

absl::Status Delete(Context& context) {
  v1::DeleteBackboneRequest request;
  request.set_name(context.argument(0));
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  RETURN_IF_ERROR(client->Call(&Stub::DeleteBackbone, request).status());
  context.Print({{"deleted"}, {{request.name()}}},
                {{"deleted", request.name()}});
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> BackboneCommands() {
  return {
      {"backbone import",
       "NAME",
       "Import a network that turns images into features",
       "Weights are torchvision's .safetensors, Keras's .h5 or a TorchScript "
       ".pt, "
       "or random from a seed (for tests).",
       {Flag::Text("arch", "A", "architecture")
            .Required()
            .OneOf({"vgg16", "torchscript"}),
        Flag::Text("weights", "FILE|random:SEED", "weights").Required(),
        Flag::Integer("input-size",
                      "pixels a side (default: the architecture's)"),
        Flag::Text(
            "preprocessing", "P",
            "how pixels are normalised (default: what the file's kind implies)")
            .OneOf({"torchvision", "caffe", "tf"})},
       {"nevus backbone import vgg16 --arch vgg16 --weights vgg16.safetensors"},
       Import},
      {"backbone list",
       "",
       "List backbones",
       "",
       {},
       {"nevus backbone list"},
       List},
      {"backbone show",
       "NAME",
       "Show a backbone and where it can be cut",
       "",
       {},
       {"nevus backbone show vgg16"},
       Show},
      {"backbone delete",
       "NAME",
       "Delete a backbone that no model uses",
       "",
       {},
       {"nevus backbone delete vgg16"},
       Delete}};
}

}  // namespace nevus
