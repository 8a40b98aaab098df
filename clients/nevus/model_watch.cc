// model live, history, shadow, canary, replay: a model at work.
#include "clients/nevus/model_watch.h"

#include <unistd.h>

#include <cstdlib>
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

using Models = v1::ModelService::Stub;
using Predictions = v1::PredictionLogService::Stub;

absl::StatusOr<VersionedName> VersionOf(const std::string& text) {
  auto model = ParseVersion("model", text);
  if (!model.ok()) return UsageError(std::string(model.status().message()));
  return model;
}

std::string WithInterval(double value, double low, double high) {
  return absl::StrCat(FormatNumber(value, 3), " (", FormatNumber(low, 3),
                      " to ", FormatNumber(high, 3), ")");
}

std::string VerdictText(v1::DriftVerdict verdict) {
  switch (verdict) {
    case v1::STABLE:
      return "stable";
    case v1::SHIFTING:
      return "SHIFTING";
    case v1::DRIFTED:
      return "DRIFTED";
    default:
      return "unknown";
  }
}

std::string DriftText(const v1::Drift& drift) {
  return absl::StrCat(VerdictText(drift.verdict()), ": ", drift.reason());
}

absl::Status Live(Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName model, VersionOf(context.argument(0)));
  v1::GetLivePerformanceRequest request;
  request.set_model(model.name);
  request.set_version(model.version);
  RETURN_IF_ERROR(SetWindow(line, Clock::Real().Now(), request));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::LivePerformance live,
                   client->Call(&Predictions::GetLivePerformance, request));
  Table table{{"figure", "value (95 % interval)"}, {}};
  const auto add = [&](const std::string& figure, const std::string& value) {
    table.rows.push_back({figure, value});
  };
  add("model", live.model());
  add("predictions",
      absl::StrCat(FormatCount(live.predictions()), ", abstained on ",
                   FormatCount(live.abstained())));
  add("images with outcome",
      absl::StrCat(FormatCount(live.with_outcome()), ": ",
                   FormatCount(live.positives()), " positive, ",
                   FormatCount(live.negatives()), " negative"));
  if (live.has_auc()) {
    add("AUC", WithInterval(live.auc(), live.auc_low(), live.auc_high()));
    add("sensitivity", WithInterval(live.sensitivity(), live.sensitivity_low(),
                                    live.sensitivity_high()));
    add("specificity", WithInterval(live.specificity(), live.specificity_low(),
                                    live.specificity_high()));
  }
  if (live.with_outcome() > 0) {
    add("Brier score", FormatNumber(live.brier(), 3));
    add("mean probability, and what came true",
        absl::StrCat(FormatNumber(live.mean_probability(), 3), ", ",
                     FormatNumber(live.observed(), 3)));
  }
  for (const v1::LiveCalibrationBin& bin : live.calibration()) {
    add(absl::StrCat("of ", bin.count(), " near ",
                     FormatNumber(bin.mean_probability(), 3)),
        WithInterval(bin.observed(), bin.observed_low(), bin.observed_high()));
  }
  add("scores", DriftText(live.score_drift()));
  add("features", DriftText(live.feature_drift()));
  context.Print(table, ToJson(live));
  return absl::OkStatus();
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime(absl::RFC3339_sec,
                          absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

// "melanoma@production".
absl::StatusOr<VersionedName> AliasArgument(const std::string& text) {
  auto alias = ParseVersionedName("model", text);
  if (!alias.ok()) return UsageError(std::string(alias.status().message()));
  if (alias->alias.empty()) {
    return UsageError(absl::StrCat(Quoted(text),
                                   " names a version; name an alias, such as ",
                                   alias->name, "@production"));
  }
  return alias;
}

absl::StatusOr<v1::Alias> FindAlias(Context& context,
                                    const VersionedName& name) {
  v1::ListAliasesRequest request;
  request.set_model(name.name);
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::ListAliasesResponse aliases,
                   client->Call(&Models::ListAliases, request));
  for (const v1::Alias& alias : aliases.aliases()) {
    if (alias.alias() == name.alias) return alias;
  }
  return WithReason(absl::NotFoundError(absl::StrCat(
                        "model ", Quoted(name.name), " has no alias ",
                        Quoted(name.alias), "; promote a version to it first")),
                    "ALIAS_NOT_FOUND");
}

absl::Status History(Context& context) {
  ASSIGN_OR_RETURN(const VersionedName name,
                   AliasArgument(context.argument(0)));
  ASSIGN_OR_RETURN(const v1::Alias alias, FindAlias(context, name));
  Table table{{"time", "from", "to", "how", "who", "why"}, {}};
  for (const v1::AliasMove& move : alias.history()) {
    table.rows.push_back(
        {TimeText(move.move_time()),
         move.from_version() == 0 ? "" : absl::StrCat(move.from_version()),
         absl::StrCat(move.to_version()),
         move.rollback() ? "rollback" : "promote", move.actor(),
         OneLine(move.reason())});
  }
  if (alias.candidate_version() != 0) {
    context.Say(absl::StrCat(
        name.name, "@", alias.candidate_version(), " is tried beside it: ",
        alias.candidate_mode() == v1::CANDIDATE_CANARY ? "canary" : "shadow",
        ", ", FormatNumber(100 * alias.candidate_share(), 1), " % of calls"));
  }
  context.Print(table, ToJson(alias));
  return absl::OkStatus();
}

// `mode` beside an alias, or, with --end, nothing.
absl::Status Try(Context& context, v1::CandidateMode mode) {
  const Invocation& line = context.line();
  v1::SetCandidateRequest request;
  request.set_request_id(RandomHex(16));
  if (line.On("end")) {
    ASSIGN_OR_RETURN(
        const VersionedName name,
        AliasArgument(absl::StrCat(
            context.argument(0).substr(0, context.argument(0).find('@')), "@",
            line.Text("alias"))));
    request.set_model(name.name);
  } else {
    ASSIGN_OR_RETURN(const VersionedName model, VersionOf(context.argument(0)));
    request.set_model(model.name);
    request.set_candidate_version(model.version);
    request.set_mode(mode);
    if (line.Has("share")) request.set_share(line.Number("share"));
    if (!line.Has("share") && mode == v1::CANDIDATE_CANARY) {
      return UsageError(
          "--share is missing; give the part of the calls that "
          "the candidate answers, such as 0.1");
    }
  }
  request.set_alias(line.Text("alias"));
  request.set_etag(line.Text("etag"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Alias alias,
                   client->Call(&Models::SetCandidate, request));
  context.Print({{"alias", "version", "candidate", "share"},
                 {{absl::StrCat(alias.model(), "@", alias.alias()),
                   absl::StrCat(alias.version()),
                   alias.candidate_version() == 0
                       ? ""
                       : absl::StrCat(alias.candidate_version()),
                   FormatNumber(alias.candidate_share(), 3)}}},
                ToJson(alias));
  return absl::OkStatus();
}

std::vector<Flag> TryFlags(const std::string& share) {
  return {Flag::Text("alias", "A", "beside which alias").Required(),
          Flag::Number("share", share), Flag::Switch("end", "end the trial"),
          Flag::Text("etag", "E", "only if the alias still has it")};
}

std::vector<Command> TrialCommands() {
  return {{"model shadow",
           "M@V",
           "Let a version see a copy of an alias's calls",
           "Its answers go into the prediction log and nowhere else. They "
           "wait behind every call: where there is no room they are left out, "
           "and counted. A promotion or rollback ends the trial.",
           TryFlags("the part of the calls it sees (default: all)"),
           {"nevus model shadow melanoma@4 --alias production",
            "nevus model shadow melanoma@4 --alias production --end"},
           [](Context& context) { return Try(context, v1::CANDIDATE_SHADOW); }},
          {"model canary",
           "M@V",
           "Let a version answer a share of an alias's calls",
           "All calls with one key (or of one image) get the same version; a "
           "larger share keeps those that had it. Each answer names its model. "
           "Until the version is loaded and checked, the alias's own answers.",
           TryFlags("the part of the calls it answers"),
           {"nevus model canary melanoma@4 --alias production --share 0.1",
            "nevus model canary melanoma@4 --alias production --end"},
           [](Context& context) { return Try(context, v1::CANDIDATE_CANARY); }},
          {"model history",
           "M@ALIAS",
           "Show where an alias pointed: when, who, why",
           "",
           {},
           {"nevus model history melanoma@production"},
           History}};
}

std::string SourceText(v1::ReplaySource source) {
  switch (source) {
    case v1::STORED_FEATURE:
      return "feature";
    case v1::DATASET_IMAGE:
      return "dataset";
    case v1::LOGGED_IMAGE:
      return "log";
    default:
      return "gone";
  }
}

std::string FlipText(const v1::ReplayedPrediction& replayed) {
  if (!replayed.flipped()) return "";
  if (replayed.abstain()) return "to cannot tell";
  return replayed.positive() ? "to positive" : "to negative";
}

void SaySummary(const v1::ReplaySummary& summary, Context& context) {
  context.Say(absl::StrCat(
      FormatCount(summary.images()), " images, ",
      FormatCount(summary.replayed()),
      " answered anew: ", FormatCount(summary.became_positive()),
      " became positive, ", FormatCount(summary.became_negative()),
      " negative, ", FormatCount(summary.became_abstention()), " abstentions"));
  if (!summary.has_auc()) return;
  context.Say(absl::StrCat(
      "AUC ", FormatNumber(summary.auc(), 3), ", of the candidate ",
      FormatNumber(summary.candidate_auc(), 3), " (",
      FormatCount(summary.positives()), " positive, ",
      FormatCount(summary.negatives()), " negative); difference ",
      WithInterval(summary.candidate_auc() - summary.auc(),
                   summary.difference_low(), summary.difference_high()),
      ", paired DeLong p ", FormatNumber(summary.p_value(), 4)));
}

absl::Status Replay(Context& context) {
  const Invocation& line = context.line();
  v1::ReplayPredictionsRequest request;
  int64_t version = 0;
  RETURN_IF_ERROR(SetModel(context.argument(0), request.mutable_model(),
                           &version, request.mutable_alias()));
  request.set_version(version);
  ASSIGN_OR_RETURN(const VersionedName candidate,
                   VersionOf(line.Text("candidate")));
  if (candidate.name != request.model()) {
    return UsageError(absl::StrCat("--candidate is of model ", candidate.name,
                                   ", not of ", request.model(),
                                   "; compare versions of one model"));
  }
  request.set_candidate_version(candidate.version);
  RETURN_IF_ERROR(SetWindow(line, Clock::Real().Now(), request));
  Table table{{"time", "prediction", "from", "was", "is", "flipped", "outcome"},
              {}};
  Json json = {{"flipped", Json::array()}};
  const bool all = line.On("all");
  ASSIGN_OR_RETURN(Client * client, context.Server());
  RETURN_IF_ERROR(client->Read(
      &Predictions::ReplayPredictions, request,
      [&](const v1::ReplayPredictionsResponse& response) {
        if (response.has_summary()) {
          json["summary"] = ToJson(response.summary());
          SaySummary(response.summary(), context);
          return absl::OkStatus();
        }
        const v1::ReplayedPrediction& one = response.prediction();
        if (!all && !one.flipped()) return absl::OkStatus();
        const bool known = one.source() != v1::REPLAY_SOURCE_UNSPECIFIED;
        table.rows.push_back({TimeText(one.logged().predict_time()),
                              one.logged().prediction_id(),
                              SourceText(one.source()),
                              FormatNumber(one.logged().probability(), 6),
                              known ? FormatNumber(one.probability(), 6) : "",
                              FlipText(one), one.logged().outcome().label()});
        Json row = ToJson(one);
        row["logged"].erase("feature_bins");
        json["flipped"].push_back(std::move(row));
        return absl::OkStatus();
      }));
  context.Print(table, json);
  return absl::OkStatus();
}

std::vector<Flag> ReplayFlags() {
  std::vector<Flag> flags = {
      Flag::Text("candidate", "M@V", "the version that answers anew")
          .Required()};
  for (Flag& flag : WindowFlags()) flags.push_back(std::move(flag));
  flags.push_back(
      Flag::Switch("all", "print every prediction, not only flipped ones"));
  return flags;
}

std::vector<Command> LiveCommands() {
  return {{"model live",
           "M@V",
           "Show how a model version does on what it was asked",
           "From outcomes that were recorded: AUC, calibration, sensitivity "
           "and specificity; from every prediction: whether scores and "
           "features have drifted from those of its training. Images with an "
           "outcome are not a sample of all: those that worried somebody are "
           "looked at.",
           WindowFlags(),
           {"nevus model live melanoma@3 --since 720h"},
           Live},
          {"model replay",
           "M@V|M@ALIAS",
           "Answer logged predictions anew with another version",
           "From features that were extracted, from images of datasets, and "
           "from logged images (nevusd --log_images); what has none of these "
           "is counted as gone. Lists flipped decisions; with outcomes, both "
           "AUCs and a paired DeLong test.",
           ReplayFlags(),
           {"nevus model replay melanoma@production --candidate melanoma@4 "
            "--since 720h"},
           Replay}};
}

}  // namespace

std::string ThisActor() {
  const char* user = std::getenv("USER");
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  return absl::StrCat(user == nullptr ? "unknown" : user, "@", host)
      .substr(0, 200);
}

std::vector<Command> ModelWatchCommands() {
  std::vector<Command> commands = TrialCommands();
  for (Command& command : LiveCommands()) {
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace nevus
