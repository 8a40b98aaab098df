// extract, features list, delete. Their export: feature_export.cc.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/jobs.h"
#include "clients/nevus/training.h"

namespace nevus {
namespace {

absl::Status Extract(Context& context) {
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", context.argument(0)));
  v1::ExtractRequest request;
  SetFeatures(context.line(), dataset, &request);
  request.set_calibrated_on(context.line().Text("calibrated-on"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::FeatureService::Stub::Extract, request));
  return ReportSubmitted(job, context);
}

using Stub = v1::FeatureService::Stub;

absl::StatusOr<std::vector<v1::FeatureSpace>> ListSpaces(Client& client) {
  v1::ListFeatureSpacesRequest request;
  request.set_with_users(true);
  ASSIGN_OR_RETURN(const v1::ListFeatureSpacesResponse response,
                   client.Call(&Stub::ListFeatureSpaces, request));
  return std::vector<v1::FeatureSpace>(response.spaces().begin(),
                                       response.spaces().end());
}

absl::Status ListFeatures(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const std::vector<v1::FeatureSpace> spaces,
                   ListSpaces(*client));
  Table table{{"space", "backbone", "cut", "pool", "arithmetic", "views",
               "values", "dimension", "features", "size", "models"},
              {}};
  Json json = Json::array();
  for (const v1::FeatureSpace& space : spaces) {
    table.rows.push_back(
        {ShortDigest(space.digest()),
         space.backbone().empty() ? ShortDigest(space.backbone_digest())
                                  : space.backbone(),
         space.cut(), space.pooling(), space.arithmetic(),
         absl::StrCat(space.views()), space.values(),
         absl::StrCat(space.dimension()), absl::StrCat(space.features()),
         FormatBytes(space.stored_bytes()),
         absl::StrJoin(space.models(), " ")});
    json.push_back(ToJson(space));
  }
  context.Print(table, json);
  return absl::OkStatus();
}

// The one space whose digest begins with `text`.
absl::StatusOr<std::string> FindSpace(Client& client, const std::string& text) {
  ASSIGN_OR_RETURN(const std::vector<v1::FeatureSpace> spaces,
                   ListSpaces(client));
  std::vector<std::string> found;
  for (const v1::FeatureSpace& space : spaces) {
    if (absl::StartsWith(space.digest(), text)) found.push_back(space.digest());
  }
  if (found.size() == 1) return found.front();
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          found.size(), " feature spaces have a digest that begins with ",
          Quoted(text), "; one is right. `nevus features list` shows them")),
      "FEATURE_SPACE_NOT_FOUND");
}

absl::Status DeleteFeatures(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  v1::DeleteFeatureSpaceRequest request;
  ASSIGN_OR_RETURN(*request.mutable_digest(),
                   FindSpace(*client, context.argument(0)));
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(const v1::DeleteFeatureSpaceResponse response,
                   client->Call(&Stub::DeleteFeatureSpace, request));
  const v1::FeatureSpace& space = response.space();
  context.Print({{"deleted", "features", "size"},
                 {{ShortDigest(space.digest()), absl::StrCat(space.features()),
                   FormatBytes(space.stored_bytes())}}},
                {{"deleted", space.digest()},
                 {"features", space.features()},
                 {"stored_bytes", space.stored_bytes()}});
  return absl::OkStatus();
}

}  // namespace

std::vector<Flag> FeatureFlags() {
  return {Flag::Text("backbone", "B", "which network").Required(),
          Flag::Text("cut", "C[,C...]",
                     "where it is cut; several are pooled and joined (default: "
                     "its last layer)"),
          Flag::Text("pool", "P", "how a layer becomes a vector")
              .Default("avg")
              .OneOf({"avg", "max", "flatten"}),
          Flag::Text("precision", "P", "arithmetic of the network")
              .Default("auto")
              .OneOf({"auto", "fp32", "fp32_winograd", "bf16", "int8",
                      "int8_winograd", "cuda_fp32", "cuda_bf16"}),
          Flag::Integer("views",
                        "1, the image as it is, or 8: the mean over all its "
                        "flips and quarter turns")
              .Between(1, 8)
              .Default("1"),
          Flag::Text("values", "TYPE", "to which numbers features are rounded")
              .Default("fp16")
              .OneOf({"fp16", "fp32"})};
}

Flag CalibratedOnFlag() {
  return Flag::Text(
      "calibrated-on", "DATASET",
      "take the arithmetic and ranges measured on another dataset, "
      "such as the one that a model was trained on");
}

Flag PriorityFlag() {
  return Flag::Integer("priority",
                       "-100 to 100; a point is worth a minute of waiting")
      .Between(-100, 100)
      .Default("0");
}

std::vector<Command> FeatureCommands() {
  std::vector<Flag> extract = FeatureFlags();
  extract.push_back(CalibratedOnFlag());
  extract.push_back(PriorityFlag());
  extract.push_back(Flag::Switch("wait", "wait for the job's end"));
  return {{"extract",
           "DATASET@N",
           "Compute the features of a sealed dataset",
           "What has been computed before is not computed again.",
           extract,
           {"nevus extract isic@1 --backbone vgg16 --wait"},
           Extract},
          {"features list",
           "",
           "List feature spaces: their size and the models that need them",
           "",
           {},
           {"nevus features list"},
           ListFeatures},
          {"features delete",
           "SPACE",
           "Delete a feature space that no model and no job needs",
           "SPACE is its digest or the beginning of it, as `nevus features "
           "list` shows. The features can be extracted again.",
           {},
           {"nevus features delete 3f2a9c"},
           DeleteFeatures}};
}

}  // namespace nevus
