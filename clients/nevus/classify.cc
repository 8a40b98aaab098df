// classify: predictions for files, several in flight, printed in order.
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/predict_files.h"

namespace nevus {
namespace {

// "ISIC_0000042 melanoma 0.312; ...", the nearest first.
std::string NearestText(const v1::PredictResponse& answer) {
  std::string text;
  for (const v1::NearestCase& one : answer.nearest()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", one.id(), " ", one.label(),
                    " ", FormatNumber(one.distance(), 3));
  }
  return text;
}

// images/a.jpg -> DIR/a.jpg.heatmap.png. Two files of one name in two folders
// would be one: the digest parts them.
std::string HeatMapFile(const std::string& folder, const std::string& path,
                        const v1::PredictResponse& answer) {
  const size_t slash = path.rfind('/');
  const std::string name =
      slash == std::string::npos ? path : path.substr(slash + 1);
  return absl::StrCat(folder, "/", name, ".",
                      ShortDigest(answer.image_digest()), kHeatMapEnding);
}

Row ToRow(const std::string& path,
          const absl::StatusOr<v1::PredictResponse>& answer) {
  if (!answer.ok()) {
    return {path,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            std::string(answer.status().message())};
  }
  return {path,
          FormatNumber(answer->probability(), 6),
          answer->decision(),
          answer->model(),
          answer->operating_point(),
          FormatNumber(answer->threshold(), 6),
          answer->prediction_id(),
          answer->synthetic() ? "true" : "false",
          answer->abstain_reason(),
          NearestText(*answer),
          ""};
}

// `heat_map_file` stands for the picture, if there is one.
Json ToJsonRow(const std::string& path,
               const absl::StatusOr<v1::PredictResponse>& answer,
               const std::string& heat_map_file) {
  Json json = {{"file", path}};
  if (answer.ok()) {
    json.update(ToJson(*answer));
    if (answer->has_heat_map()) {
      json["heat_map"].erase("overlay_png");
      json["heat_map"]["file"] = heat_map_file;
    }
  } else {
    json["error"] = {{"code", absl::StatusCodeToString(answer.status().code())},
                     {"reason", ReasonOf(answer.status())},
                     {"message", std::string(answer.status().message())}};
  }
  return json;
}

absl::Status Classify(Context& context) {
  const Invocation& line = context.line();
  v1::PredictRequest request;
  int64_t version = 0;
  RETURN_IF_ERROR(SetModel(line.Text("model"), request.mutable_model(),
                           &version, request.mutable_alias()));
  request.set_version(version);
  request.set_operating_point(line.Text("operating-point"));
  request.set_key(line.Text("key"));
  request.set_nearest(static_cast<int32_t>(line.Integer("nearest")));
  const std::string folder = line.Text("explain");
  if (!folder.empty()) {
    request.set_heat_map(true);
  }
  const int64_t in_flight = line.Integer("in-flight");
  if (in_flight < 1 || in_flight > 256) {
    return UsageError("--in-flight is 1 to 256");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                   FindImageFiles(line.arguments));
  ASSIGN_OR_RETURN(Client * client, context.Server());

  Table table{{"file", "probability", "decision", "model", "operating_point",
               "threshold", "prediction_id", "synthetic", "abstain", "nearest",
               "error"},
              {}};
  const bool stream = line.Text("output") == "csv";
  if (stream) context.Write(CsvLine(table.header));
  Json json = Json::array();
  int64_t failed = 0;
  {
    Progress progress(context.terminal(), "classify");
    const auto take = [&](size_t i,
                          absl::StatusOr<v1::PredictResponse> answer) {
      std::string heat_map_file;
      if (answer.ok() && answer->has_heat_map()) {
        heat_map_file = HeatMapFile(folder, paths[i], *answer);
        // As an error of the file, so that the others are done.
        const absl::Status written =
            WriteFile(heat_map_file, answer->heat_map().overlay_png());
        if (!written.ok()) answer = written;
      }
      if (!answer.ok()) {
        ++failed;
        context.Say(absl::StrCat(paths[i], ": ", answer.status().message()));
      }
      if (stream) {
        context.Write(CsvLine(ToRow(paths[i], answer)));
      } else {
        table.rows.push_back(ToRow(paths[i], answer));
        json.push_back(ToJsonRow(paths[i], answer, heat_map_file));
      }
      progress.Update(static_cast<int64_t>(i) + 1,
                      static_cast<int64_t>(paths.size()), "images");
      return absl::OkStatus();
    };
    RETURN_IF_ERROR(PredictFiles(*client, request, paths, in_flight, take));
  }
  if (!stream) context.Print(table, json);
  if (failed == 0) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          failed, " of ", paths.size(),
          " files could not be classified; the lines above say why")),
      "FILES_FAILED");
}

}  // namespace

std::vector<Command> ClassifyCommands() {
  return {
      {"classify",
       "FILE|DIR...",
       "Classify images with a model",
       "Of a folder, its image files. CSV comes line by line. A file that "
       "fails has its error in the last column; the others are done, and the "
       "exit code is 1. Where the model cannot tell, the column abstain says "
       "why, and no decision should rest on the probability. Research use "
       "only: no diagnosis.",
       {Flag::Text("model", "M@ALIAS|M@V", "which model").Required(),
        Flag::Text("operating-point", "P",
                   "which threshold decides (default: the model's first)"),
        Flag::Text("key", "K",
                   "whom the images are of, as a pseudonym: during a canary "
                   "all calls with one key get the same version (default: "
                   "each image sticks to its own)"),
        Flag::Text("explain", "DIR",
                   "write a heat map for each image there: red speaks for the "
                   "class that the model finds, blue against"),
        Flag::Integer("nearest",
                      "show the training cases that resemble the image most: "
                      "id, label, distance")
            .Default("0")
            .Between(0, 100),
        Flag::Integer("in-flight", "requests at a time").Default("8")},
       {"nevus classify images --model melanoma@production --output csv",
        "nevus classify lesion.jpg --model melanoma@production --explain why "
        "--nearest 5"},
       Classify}};
}

}  // namespace nevus
