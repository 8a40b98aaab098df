// prediction list, show, outcome: what was answered, and what became of it.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/time_window.h"

namespace nevus {
namespace {

using Stub = v1::PredictionLogService::Stub;

constexpr int kPageSize = 1000;

std::string ModelName(const v1::LoggedPrediction& prediction) {
  return absl::StrCat(prediction.model(), "@", prediction.model_version());
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ",
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos()),
      absl::UTCTimeZone());
}

std::string RoleText(v1::PredictionRole role) {
  return role == v1::SHADOW ? "shadow" : role == v1::CANARY ? "canary" : "";
}

std::string Decision(const v1::LoggedPrediction& prediction) {
  if (prediction.abstain()) return "cannot tell";
  return absl::StrCat(prediction.positive() ? "" : "not ", prediction.finds());
}

Json PredictionJson(const v1::LoggedPrediction& prediction) {
  Json json = ToJson(prediction);
  // Bytes that only the server reads.
  json.erase("feature_bins");
  return json;
}

// "melanoma" or "melanoma@3" into a request with model and version.
template <typename Request>
absl::Status SetWhose(const std::string& text, Request& request) {
  if (text.find('@') == std::string::npos) {
    request.set_model(text);
    return absl::OkStatus();
  }
  const auto model = ParseVersion("model", text);
  if (!model.ok()) return UsageError(std::string(model.status().message()));
  request.set_model(model->name);
  request.set_version(model->version);
  return absl::OkStatus();
}

absl::Status List(Context& context) {
  const Invocation& line = context.line();
  v1::ListPredictionsRequest request;
  if (line.Has("model")) RETURN_IF_ERROR(SetWhose(line.Text("model"), request));
  request.set_image_digest(line.Text("image"));
  RETURN_IF_ERROR(SetWindow(line, Clock::Real().Now(), request));
  int64_t left = line.Integer("limit");
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Table table{{"time", "prediction", "model", "probability", "decision",
               "point", "role", "outcome"},
              {}};
  Json json = Json::array();
  do {
    request.set_page_size(static_cast<int>(std::min<int64_t>(left, kPageSize)));
    ASSIGN_OR_RETURN(const v1::ListPredictionsResponse page,
                     client->Call(&Stub::ListPredictions, request));
    for (const v1::LoggedPrediction& prediction : page.predictions()) {
      table.rows.push_back(
          {TimeText(prediction.predict_time()), prediction.prediction_id(),
           ModelName(prediction), FormatNumber(prediction.probability(), 6),
           Decision(prediction), prediction.operating_point(),
           RoleText(prediction.role()), prediction.outcome().label()});
      json.push_back(PredictionJson(prediction));
    }
    left -= page.predictions_size();
    request.set_page_token(page.next_page_token());
  } while (left > 0 && !request.page_token().empty());
  if (!request.page_token().empty()) {
    context.Say("there are more; narrow --since and --until, or raise --limit");
  }
  context.Print(table, json);
  return absl::OkStatus();
}

absl::Status Show(Context& context) {
  v1::GetPredictionRequest request;
  request.set_prediction_id(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::LoggedPrediction prediction,
                   client->Call(&Stub::GetPrediction, request));
  Table table{{"field", "value"}, {}};
  const auto add = [&](const std::string& field, const std::string& value) {
    if (!value.empty()) table.rows.push_back({field, value});
  };
  add("prediction", prediction.prediction_id());
  add("time", TimeText(prediction.predict_time()));
  add("model", ModelName(prediction));
  add("model digest", prediction.model_digest());
  add("alias", prediction.alias());
  add("role", RoleText(prediction.role()));
  add("shadow of", prediction.shadow_of());
  add("image", prediction.image_digest());
  add("feature space", prediction.feature_space());
  add("probability", FormatNumber(prediction.probability(), 6));
  add("decision", Decision(prediction));
  add("abstained for", prediction.abstain_reason());
  add("operating point", absl::StrCat(prediction.operating_point(), " p >= ",
                                      FormatNumber(prediction.threshold(), 6)));
  add("trace", prediction.trace_id());
  add("outcome", prediction.outcome().label());
  for (const std::string& label : prediction.outcome().earlier()) {
    add("outcome before", label);
  }
  if (prediction.synthetic()) add("note", "SYNTHETIC");
  context.Print(table, PredictionJson(prediction));
  return absl::OkStatus();
}

absl::Status RecordOutcome(Context& context) {
  v1::RecordOutcomeRequest request;
  request.set_request_id(RandomHex(16));
  // The two differ in length: 64 digits and 32.
  const std::string& target = context.argument(0);
  if (IsSha256Hex(target)) {
    request.set_image_digest(target);
  } else {
    request.set_prediction_id(target);
  }
  request.set_label(context.line().Text("label"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Outcome outcome,
                   client->Call(&Stub::RecordOutcome, request));
  context.Print(
      {{"image", "outcome"}, {{outcome.image_digest(), outcome.label()}}},
      ToJson(outcome));
  return absl::OkStatus();
}

std::vector<Flag> ListFlags() {
  std::vector<Flag> flags = {
      Flag::Text("model", "M|M@V", "only of this model or version"),
      Flag::Text("image", "SHA256", "only of this image")};
  for (Flag& flag : WindowFlags()) flags.push_back(std::move(flag));
  flags.push_back(Flag::Integer("limit", "at most so many")
                      .Between(1, 1'000'000)
                      .Default("100"));
  return flags;
}

}  // namespace

std::vector<Command> PredictionCommands() {
  return {{"prediction list",
           "",
           "List logged predictions in order of time",
           "",
           ListFlags(),
           {"nevus prediction list --model melanoma@3 --since 24h"},
           List},
          {"prediction show",
           "ID",
           "Show a logged prediction with its outcome",
           "",
           {},
           {"nevus prediction show 0123456789abcdef0123456789abcdef"},
           Show},
          {"prediction outcome",
           "ID|SHA256",
           "Say what an image turned out to be",
           "By a prediction's id or the image's digest; it counts for every "
           "prediction of that image. A second outcome replaces the first, "
           "which is kept as history.",
           {Flag::Text("label", "L", "such as melanoma or nevus").Required()},
           {"nevus prediction outcome 0123456789abcdef0123456789abcdef --label "
            "melanoma"},
           RecordOutcome}};
}

}  // namespace nevus
