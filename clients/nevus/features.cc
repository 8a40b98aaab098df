// extract, features list.
#include "absl/strings/str_cat.h"
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
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::FeatureService::Stub::Extract, request));
  return ReportSubmitted(job, context);
}

absl::Status ListFeatures(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::ListFeatureSpacesResponse response,
                   client->Call(&v1::FeatureService::Stub::ListFeatureSpaces,
                                v1::ListFeatureSpacesRequest()));
  Table table{{"space", "backbone", "cut", "pool", "arithmetic", "dimension",
               "features"},
              {}};
  Json json = Json::array();
  for (const v1::FeatureSpace& space : response.spaces()) {
    table.rows.push_back(
        {ShortDigest(space.digest()), ShortDigest(space.backbone_digest()),
         space.cut(), space.pooling(), space.arithmetic(),
         absl::StrCat(space.dimension()), absl::StrCat(space.features())});
    json.push_back(ToJson(space));
  }
  context.Print(table, json);
  return absl::OkStatus();
}

}  // namespace

std::vector<Flag> FeatureFlags() {
  return {Flag::Text("backbone", "B", "which network").Required(),
          Flag::Text("cut", "C", "where it is cut (default: its last layer)"),
          Flag::Text("pool", "P", "how a layer becomes a vector")
              .Default("avg")
              .OneOf({"avg", "max", "flatten"}),
          Flag::Text("precision", "P", "arithmetic of the network")
              .Default("auto")
              .OneOf({"auto", "fp32", "fp32_winograd", "bf16"}),
          Flag::Integer("views",
                        "1, the image as it is, or 8: the mean over all its "
                        "flips and quarter turns")
              .Between(1, 8)
              .Default("1"),
          Flag::Text("values", "TYPE", "to which numbers features are rounded")
              .Default("fp16")
              .OneOf({"fp16", "fp32"})};
}

Flag PriorityFlag() {
  return Flag::Integer("priority",
                       "-100 to 100; a point is worth a minute of waiting")
      .Between(-100, 100)
      .Default("0");
}

std::vector<Command> FeatureCommands() {
  std::vector<Flag> extract = FeatureFlags();
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
           "List feature spaces and how many features they hold",
           "",
           {},
           {"nevus features list"},
           ListFeatures}};
}

}  // namespace nevus
