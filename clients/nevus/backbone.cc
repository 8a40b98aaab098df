// backbone import, fetch, list, show, delete.
#include <cstdio>
#include <cstdlib>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "clients/cpp/upload.h"
#include "clients/nevus/backbone_rates.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/fetch.h"
#include "clients/nevus/public_weights.h"

namespace nevus {
namespace {

using Stub = v1::BackboneService::Stub;

// "" where it is not known: TorchScript does not say.
std::string GmacText(const v1::Backbone& backbone) {
  return backbone.gmac() > 0 ? FormatNumber(backbone.gmac(), 2) : "";
}

// "" without a file: weights from a seed.
std::string FileSizeText(const v1::Backbone& backbone) {
  return backbone.weights_bytes() > 0 ? FormatBytes(backbone.weights_bytes())
                                      : "";
}

// "512x7x7"
std::string OutputText(const v1::Backbone& backbone) {
  for (const v1::Cut& cut : backbone.cuts()) {
    if (cut.name() == backbone.default_cut()) {
      return absl::StrCat(cut.channels(), "x", cut.height(), "x", cut.width());
    }
  }
  return "";
}

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
  add("GMAC an image", GmacText(backbone));
  if (!backbone.missing_tensor().empty()) {
    add("first tensor missing", backbone.missing_tensor());
  }
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
  if (backbone.arch() == "inception_v3" || backbone.arch() == "xception") {
    return absl::StrCat(backbone.arch(),
                        " was trained on RGB between -1 and 1, in every family "
                        "of weights");
  }
  if (backbone.weights_kind() == "keras_h5") {
    return "Keras's .h5 weights are made for BGR less ImageNet's mean";
  }
  return absl::StrCat(backbone.weights_kind(),
                      " weights are taken as made for RGB with torchvision's "
                      "ImageNet mean and deviation");
}

// Sends `path`, or nothing for weights from a seed, and says what came of it.
absl::Status Upload(const v1::BackboneUpload& upload, const std::string& path,
                    Context& context) {
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
  context.Say(absl::StrCat(
      "preprocessing ", backbone.normalization(), ": ",
      WhyPreprocessing(backbone, !upload.normalization().empty())));
  PrintBackbone(backbone, context);
  return absl::OkStatus();
}

v1::BackboneUpload NewUpload(const Invocation& line, const std::string& name,
                             const std::string& arch) {
  v1::BackboneUpload upload;
  upload.set_name(name);
  upload.set_request_id(RandomHex(16));
  upload.set_arch(arch);
  if (line.Has("input-size")) {
    upload.set_input_size(static_cast<int32_t>(line.Integer("input-size")));
  }
  upload.set_normalization(line.Text("preprocessing"));
  return upload;
}

absl::Status Import(Context& context) {
  const Invocation& line = context.line();
  v1::BackboneUpload upload =
      NewUpload(line, context.argument(0), line.Text("arch"));
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
  return Upload(upload, path, context);
}

absl::Status Fetch(Context& context) {
  const Invocation& line = context.line();
  const std::string arch = context.argument(0);
  ASSIGN_OR_RETURN(const PublicWeights weights,
                   FindPublicWeights(arch, line.Text("weights")));
  const std::string name = line.Has("name") ? line.Text("name") : arch;
  ASSIGN_OR_RETURN(Client * client, context.Server());
  // Before half a gigabyte comes for nothing.
  v1::GetBackboneRequest get;
  get.set_name(name);
  const absl::StatusOr<v1::Backbone> there =
      client->Call(&Stub::GetBackbone, get);
  if (there.ok()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "backbone ", name, " is there already (", there->arch(), ", ",
            there->weights_kind(), "); use it, or choose another --name")),
        "BACKBONE_EXISTS", {{"backbone", name}});
  }
  if (there.status().code() != absl::StatusCode::kNotFound) {
    return there.status();
  }
  std::string path = line.Text("keep");
  if (path.empty()) {
    const char* const folder = std::getenv("TMPDIR");
    path = absl::StrCat(folder == nullptr ? "/tmp" : folder, "/nevus-",
                        RandomHex(8), "-", weights.file);
  }
  context.Say(absl::StrCat("fetching ", weights.file, ", ", weights.megabytes,
                           " MB, ", weights.family, "'s weights"));
  RETURN_IF_ERROR(FetchWeights(weights, line.Text("mirror"), path,
                               context.terminal().err_is_terminal));
  context.Say(absl::StrCat("it has the published ", HashText(weights)));
  const absl::Status status =
      Upload(NewUpload(line, name, arch), path, context);
  if (!line.Has("keep")) std::remove(path.c_str());
  return status;
}

// Images a second by the backbone's digest. Without the services that know, or
// with an older one, none is known: the list is the same but for a column.
std::map<std::string, double> MeasuredRates(Client& client) {
  const auto spaces = client.Call(&v1::FeatureService::Stub::ListFeatureSpaces,
                                  v1::ListFeatureSpacesRequest());
  v1::ListJobsRequest request;
  request.set_page_size(1000);
  const auto jobs = client.Call(&v1::JobService::Stub::ListJobs, request);
  if (!spaces.ok() || !jobs.ok()) return {};
  return RatesByBackbone({jobs->jobs().begin(), jobs->jobs().end()},
                         {spaces->spaces().begin(), spaces->spaces().end()});
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Table table{
      {"backbone", "architecture", "weights", "size", "input", "preprocessing",
       "parameters", "GMAC", "default cut", "output", "images/s", "digest"},
      {}};
  Json json = Json::array();
  std::map<std::string, double> rates;
  v1::ListBackbonesRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListBackbonesResponse page,
                     client->Call(&Stub::ListBackbones, request));
    if (json.empty() && page.backbones_size() > 0) {
      rates = MeasuredRates(*client);
    }
    for (const v1::Backbone& backbone : page.backbones()) {
      const auto rate = rates.find(backbone.digest());
      const bool measured = rate != rates.end();
      table.rows.push_back(
          {backbone.name(), backbone.arch(), backbone.weights_kind(),
           FileSizeText(backbone), absl::StrCat(backbone.input_size()),
           backbone.normalization(), FormatCount(backbone.parameters()),
           GmacText(backbone), backbone.default_cut(), OutputText(backbone),
           measured ? FormatNumber(rate->second, 1) : "",
           ShortDigest(backbone.digest())});
      Json entry = ToJson(backbone);
      if (measured) entry["images_per_second"] = rate->second;
      json.push_back(std::move(entry));
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

Flag InputSizeFlag() {
  return Flag::Integer("input-size",
                       "pixels a side (default: the architecture's)");
}

Flag PreprocessingFlag() {
  return Flag::Text("preprocessing", "P",
                    "how pixels are normalised (default: what architecture and "
                    "kind of file imply)")
      .OneOf({"torchvision", "caffe", "tf"});
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
            .OneOf({"vgg16", "resnet50", "inception_v3", "xception",
                    "squeezenet1_1", "torchscript"}),
        Flag::Text("weights", "FILE|random:SEED", "weights").Required(),
        InputSizeFlag(), PreprocessingFlag()},
       {"nevus backbone import vgg16 --arch vgg16 --weights vgg16.safetensors"},
       Import},
      {"backbone fetch",
       "ARCH",
       "Fetch a network's public weights and import them",
       "ARCH is vgg16, resnet50, inception_v3 or xception. The file is checked "
       "against its published hash. Needs a network and the program curl; "
       "without them it says what to fetch elsewhere and how to import it.",
       {Flag::Text("name", "NAME", "what to call it (default: ARCH)"),
        Flag::Text("weights", "FAMILY",
                   "whose weights (default: torchvision's where it has the "
                   "network)")
            .OneOf({"torchvision", "keras"}),
        Flag::Text("keep", "FILE",
                   "keep the weight file here; one that is there is not "
                   "fetched again"),
        Flag::Text("mirror", "URL", "another address of the same file"),
        InputSizeFlag(), PreprocessingFlag()},
       {"nevus backbone fetch vgg16",
        "nevus backbone fetch resnet50 --weights keras --name resnet50-keras"},
       Fetch},
      {"backbone list",
       "",
       "List backbones",
       "size is that of the weight file. images/s is what the newest finished "
       "extraction with it reached, on all its workers together; empty before "
       "the first.",
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
