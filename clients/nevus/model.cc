// model list, show, promote, rollback, export, import.
#include <map>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/model_watch.h"

namespace nevus {
namespace {

using Stub = v1::ModelService::Stub;

// An exported model is this line, the SHA-256 of what follows on a line, and
// the serialised v1.Model.
constexpr char kMagic[] = "nevus model 1\n";
constexpr size_t kDigestBytes = 64;
constexpr int64_t kMaxModelFileBytes = 1 << 30;

absl::StatusOr<v1::Model> GetModel(Context& context, const std::string& text) {
  v1::GetModelRequest request;
  int64_t version = 0;
  RETURN_IF_ERROR(SetModel(text, request.mutable_name(), &version,
                           request.mutable_alias()));
  request.set_version(version);
  ASSIGN_OR_RETURN(Client * client, context.Server());
  return client->Call(&Stub::GetModel, request);
}

std::string Name(const v1::Model& model) {
  return absl::StrCat(model.name(), "@", model.version());
}

// A model without the numbers of its head, which nobody reads.
Json ModelJson(v1::Model model) {
  v1::Head* head = model.mutable_head();
  head->clear_mean();
  head->clear_inverse_std();
  head->clear_w1();
  head->clear_b1();
  head->clear_w2();
  if (head->has_ood()) {
    head->mutable_ood()->clear_mean();
    head->mutable_ood()->clear_whitening();
  }
  head->clear_golden();
  Json json = ToJson(model);
  for (const char* field : {"mean", "inverse_std", "w1", "b1", "w2", "b2"}) {
    json["head"].erase(field);
  }
  for (const char* field : {"mean", "whitening"}) {
    if (head->has_ood()) json["head"]["ood"].erase(field);
  }
  return json;
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  v1::ListAliasesRequest aliases_request;
  v1::ListModelsRequest request;
  if (!context.line().arguments.empty()) {
    request.set_name(context.argument(0));
    aliases_request.set_model(context.argument(0));
  }
  ASSIGN_OR_RETURN(const v1::ListAliasesResponse aliases,
                   client->Call(&Stub::ListAliases, aliases_request));
  std::map<std::string, std::vector<std::string>> aliases_of;
  for (const v1::Alias& alias : aliases.aliases()) {
    aliases_of[absl::StrCat(alias.model(), "@", alias.version())].push_back(
        alias.alias());
  }
  Table table{
      {"model", "aliases", "finds", "trained on", "validation AUC", "note"},
      {}};
  Json json = Json::array();
  do {
    ASSIGN_OR_RETURN(const v1::ListModelsResponse page,
                     client->Call(&Stub::ListModels, request));
    for (const v1::Model& model : page.models()) {
      const std::vector<std::string>& names = aliases_of[Name(model)];
      table.rows.push_back({Name(model), absl::StrJoin(names, " "),
                            model.positive(),
                            absl::StrCat(model.lineage().dataset(), "@",
                                         model.lineage().dataset_version()),
                            FormatNumber(model.training().validation_auc(), 3),
                            model.lineage().synthetic() ? "SYNTHETIC" : ""});
      Json each = ToJson(model);
      each.erase("head");
      each["aliases"] = names;
      json.push_back(std::move(each));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  context.Print(table, json);
  return absl::OkStatus();
}

std::string AbstentionText(const v1::Head& head) {
  if (!head.has_ood()) return "from nothing";
  return absl::StrCat(
      "above a distance of ", FormatNumber(head.ood().threshold(), 2), ", ",
      FormatNumber(100 * head.ood().rate(), 1), " % of validation");
}

std::string PointText(const v1::OperatingPoint& point) {
  std::string text =
      absl::StrCat(point.name(), " p >= ", FormatNumber(point.threshold(), 3));
  if (point.rule().empty()) return text;
  const auto share = [](double value, double low, double high) {
    return absl::StrCat(FormatNumber(value, 3), " (", FormatNumber(low, 3),
                        " to ", FormatNumber(high, 3), ")");
  };
  absl::StrAppend(&text, ": ", point.rule(), "; on validation sensitivity ",
                  share(point.sensitivity(), point.sensitivity_low(),
                        point.sensitivity_high()),
                  ", specificity ",
                  share(point.specificity(), point.specificity_low(),
                        point.specificity_high()));
  return text;
}

absl::Status Show(Context& context) {
  ASSIGN_OR_RETURN(const v1::Model model,
                   GetModel(context, context.argument(0)));
  Table table{{"field", "value"}, {}};
  const auto add = [&](const std::string& field, const std::string& value) {
    table.rows.push_back({field, value});
  };
  add("model", Name(model));
  add("digest", model.digest());
  add("finds", model.positive());
  add("trained on",
      absl::StrCat(model.lineage().dataset(), "@",
                   model.lineage().dataset_version(),
                   model.lineage().synthetic() ? " (SYNTHETIC)" : "", ", ",
                   model.training().train_examples(), " rows"));
  add("by job", model.lineage().job());
  add("backbone", absl::StrCat(model.lineage().backbone_name(), " ",
                               ShortDigest(model.lineage().backbone_digest())));
  add("features",
      absl::StrCat(model.space().cut(), " ", model.space().pooling(), " ",
                   model.space().arithmetic(), ", dimension ",
                   model.space().dimension()));
  add("head", model.head().hidden() == 0
                  ? "logistic regression"
                  : absl::StrCat(model.head().hidden(), " hidden units"));
  add("validation AUC",
      absl::StrCat(FormatNumber(model.training().validation_auc(), 3),
                   " (chosen by it), epoch ", model.training().best_epoch()));
  if (model.has_calibration()) {
    add("calibration", model.calibration().method());
  }
  add("abstains", AbstentionText(model.head()));
  for (const v1::OperatingPoint& point : model.operating_points()) {
    add("operating point", PointText(point));
  }
  context.Print(table, ModelJson(model));
  return absl::OkStatus();
}

void PrintAlias(const v1::Alias& alias, Context& context) {
  context.Print({{"alias", "model"},
                 {{absl::StrCat(alias.model(), "@", alias.alias()),
                   absl::StrCat(alias.model(), "@", alias.version())}}},
                ToJson(alias));
}

// Lets the server load the version and check its golden answers before anybody
// is sent to it. A serving service that is away, or older, has no say: then it
// loads and checks by itself.
absl::Status Prepare(Client& client, const VersionedName& model,
                     Context& context) {
  v1::PrepareModelRequest request;
  request.set_model(model.name);
  request.set_version(model.version);
  const auto prepared =
      client.Call(&v1::PredictionService::Stub::PrepareModel, request);
  if (absl::IsUnavailable(prepared.status()) ||
      absl::IsUnimplemented(prepared.status())) {
    context.Say(absl::StrCat("promoted without a check: ",
                             prepared.status().message()));
    return absl::OkStatus();
  }
  if (!prepared.ok()) {
    return Annotate(prepared.status(), "the alias was not moved");
  }
  if (prepared->golden_answers() == 0) {
    context.Say(
        "the model has no golden answers to check it by; trainings of this "
        "version of Nevus store some");
  }
  return absl::OkStatus();
}

// What calls of the alias may name now and could not any more. Only a warning:
// whatever is wrong with the request, the server says.
void WarnOfLostPoints(Client& client, const v1::PromoteModelRequest& request,
                      Context& context) {
  v1::GetModelRequest get;
  get.set_name(request.model());
  get.set_alias(request.alias());
  const auto before = client.Call(&Stub::GetModel, get);
  get.clear_alias();
  get.set_version(request.version());
  const auto after = client.Call(&Stub::GetModel, get);
  if (!before.ok() || !after.ok()) return;
  std::set<std::string> kept;
  for (const v1::OperatingPoint& point : after->operating_points()) {
    kept.insert(point.name());
  }
  for (const v1::OperatingPoint& point : before->operating_points()) {
    if (kept.count(point.name()) > 0) continue;
    context.Say(absl::StrCat(
        "warning: ", Name(*before), ", where ", request.alias(),
        " points now, has the operating point ", point.name(), ", which ",
        Name(*after), " has not: calls that name it will fail"));
  }
}

absl::Status Promote(Context& context) {
  v1::PromoteModelRequest request;
  request.set_request_id(RandomHex(16));
  const auto model = ParseVersion("model", context.argument(0));
  if (!model.ok()) return UsageError(std::string(model.status().message()));
  request.set_model(model->name);
  request.set_version(model->version);
  request.set_alias(context.line().Text("alias"));
  request.set_actor(ThisActor());
  request.set_reason(context.line().Text("reason"));
  request.set_etag(context.line().Text("etag"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  if (!context.line().Has("unchecked")) {
    RETURN_IF_ERROR(Prepare(*client, *model, context));
  }
  WarnOfLostPoints(*client, request, context);
  ASSIGN_OR_RETURN(const v1::Alias alias,
                   client->Call(&Stub::PromoteModel, request));
  PrintAlias(alias, context);
  return absl::OkStatus();
}

absl::Status Rollback(Context& context) {
  v1::RollbackAliasRequest request;
  request.set_request_id(RandomHex(16));
  request.set_model(context.argument(0));
  request.set_alias(context.line().Text("alias"));
  if (absl::StrContains(context.argument(0), "@")) {
    int64_t version = 0;
    std::string alias;
    RETURN_IF_ERROR(SetModel(context.argument(0), request.mutable_model(),
                             &version, &alias));
    if (!request.alias().empty() || alias.empty()) {
      return UsageError("name the alias once: M@ALIAS, or M --alias ALIAS");
    }
    request.set_alias(alias);
  }
  if (request.alias().empty()) {
    return UsageError("name the alias: M@ALIAS, or M --alias ALIAS");
  }
  request.set_actor(ThisActor());
  request.set_reason(context.line().Text("reason"));
  request.set_etag(context.line().Text("etag"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Alias alias,
                   client->Call(&Stub::RollbackAlias, request));
  PrintAlias(alias, context);
  return absl::OkStatus();
}

absl::Status Export(Context& context) {
  ASSIGN_OR_RETURN(const v1::Model model,
                   GetModel(context, context.argument(0)));
  const std::string bytes = model.SerializeAsString();
  RETURN_IF_ERROR(
      WriteFile(context.argument(1),
                absl::StrCat(kMagic, Sha256Hex(bytes), "\n", bytes)));
  context.Print({{"model", "file"}, {{Name(model), context.argument(1)}}},
                {{"model", Name(model)}, {"file", context.argument(1)}});
  return absl::OkStatus();
}

absl::Status Damaged(const std::string& path, const std::string& what) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          Quoted(path), " ", what,
          "; give a file that `nevus model export` wrote, unchanged")),
      "MODEL_FILE_DAMAGED");
}

absl::Status Import(Context& context) {
  const std::string& path = context.argument(1);
  ASSIGN_OR_RETURN(const std::string file, ReadFile(path, kMaxModelFileBytes));
  const size_t magic = sizeof(kMagic) - 1;
  if (!absl::StartsWith(file, kMagic) ||
      file.size() < magic + kDigestBytes + 1) {
    return Damaged(path, "is no exported model");
  }
  const std::string bytes = file.substr(magic + kDigestBytes + 1);
  if (Sha256Hex(bytes) != file.substr(magic, kDigestBytes)) {
    return Damaged(path, "does not have the SHA-256 it declares");
  }
  v1::RegisterModelRequest request;
  if (!request.mutable_model()->ParseFromString(bytes)) {
    return Damaged(path, "holds no model");
  }
  request.mutable_model()->set_name(context.argument(0));
  request.mutable_model()->clear_version();
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Model model,
                   client->Call(&Stub::RegisterModel, request));
  context.Print({{"model", "digest"}, {{Name(model), model.digest()}}},
                ModelJson(model));
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> ModelCommands() {
  return {
      {"model list",
       "[NAME]",
       "List models with their versions and aliases",
       "",
       {},
       {"nevus model list"},
       List},
      {"model show",
       "M@V|M@ALIAS",
       "Show a model version",
       "",
       {},
       {"nevus model show melanoma@production"},
       Show},
      {"model promote",
       "M@V",
       "Point an alias at a model version",
       "The server loads it first and checks its golden answers, so nobody "
       "who asks for the alias waits, and a model that is not itself any "
       "more is refused. Warns of operating points that the alias loses.",
       {Flag::Text("alias", "A", "such as production").Required(),
        Flag::Text("reason", "TEXT", "why, for the history"),
        Flag::Text("etag", "E", "only if the alias still has it"),
        Flag::Switch("unchecked", "move the alias without loading the model")},
       {"nevus model promote melanoma@1 --alias production --reason "
        "'better on clinic B'"},
       Promote},
      {"model rollback",
       "M|M@ALIAS",
       "Point an alias back at where it pointed before",
       "",
       {Flag::Text("alias", "A", "which alias"),
        Flag::Text("reason", "TEXT", "why, for the history"),
        Flag::Text("etag", "E", "only if the alias still has it")},
       {"nevus model rollback melanoma@production"},
       Rollback},
      {"model export",
       "M@V FILE",
       "Write a model version to a file",
       "",
       {},
       {"nevus model export melanoma@1 melanoma.nevus"},
       Export},
      {"model import",
       "NAME FILE",
       "Register an exported model as the next version",
       "A damaged file is refused.",
       {},
       {"nevus model import melanoma melanoma.nevus"},
       Import}};
}

}  // namespace nevus
