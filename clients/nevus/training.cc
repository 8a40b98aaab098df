// extract, features list, train, evaluate: what starts jobs.
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/jobs.h"

namespace nevus {
namespace {

absl::StatusOr<VersionedName> Version(const std::string& what,
                                      const std::string& text) {
  absl::StatusOr<VersionedName> parsed = ParseVersion(what, text);
  if (!parsed.ok()) return UsageError(std::string(parsed.status().message()));
  return parsed;
}

// Which features: fields that extract and train share.
std::vector<Flag> FeatureFlags() {
  return {Flag::Text("backbone", "B", "which network").Required(),
          Flag::Text("cut", "C", "where it is cut (default: its last layer)"),
          Flag::Text("pool", "P", "how a layer becomes a vector")
              .Default("avg")
              .OneOf({"avg", "max", "flatten"}),
          Flag::Text("precision", "P", "arithmetic of the network")
              .Default("auto")
              .OneOf({"auto", "fp32", "fp32_winograd", "bf16"})};
}

template <typename Request>
void SetFeatures(const Invocation& line, const VersionedName& dataset,
                 Request* request) {
  request->set_dataset(dataset.name);
  request->set_version(dataset.version);
  request->set_backbone(line.Text("backbone"));
  request->set_cut(line.Text("cut"));
  request->set_pooling(line.Text("pool"));
  request->set_precision(line.Text("precision"));
  // A call that is repeated by the channel must not submit twice.
  request->set_request_id(RandomHex(16));
}

absl::Status Extract(Context& context) {
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   Version("dataset", context.argument(0)));
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

absl::Status Train(Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   Version("dataset", context.argument(0)));
  v1::TrainRequest request;
  SetFeatures(line, dataset, &request);
  request.set_model(line.Text("model"));
  request.set_positive(line.Text("positive"));
  if (line.Has("hidden")) {
    request.set_hidden(static_cast<int32_t>(line.Integer("hidden")));
  }
  request.set_seed(static_cast<uint64_t>(line.Integer("seed")));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::TrainingService::Stub::Train, request));
  return ReportSubmitted(job, context);
}

void PrintEvaluation(const v1::Evaluation& evaluation, Context& context) {
  const auto interval = [](double value, double low, double high) {
    return absl::StrCat(FormatNumber(value, 3), " (", FormatNumber(low, 3),
                        " to ", FormatNumber(high, 3), ")");
  };
  Table table{{"figure", "value (95 % interval)"}, {}};
  table.rows.push_back({"model", absl::StrCat(evaluation.model(), "@",
                                              evaluation.model_version())});
  table.rows.push_back(
      {"on", absl::StrCat(evaluation.dataset(), "@",
                          evaluation.dataset_version(), " ", evaluation.split(),
                          evaluation.synthetic() ? " (SYNTHETIC)" : "")});
  table.rows.push_back(
      {"rows", absl::StrCat(evaluation.positives(), " positive, ",
                            evaluation.negatives(), " negative")});
  table.rows.push_back({"AUC", interval(evaluation.auc(), evaluation.auc_low(),
                                        evaluation.auc_high())});
  table.rows.push_back(
      {"average precision", FormatNumber(evaluation.average_precision(), 3)});
  table.rows.push_back({"Brier score", FormatNumber(evaluation.brier(), 3)});
  for (const v1::AtOperatingPoint& at : evaluation.points()) {
    const std::string name =
        absl::StrCat(" at ", at.point().name(),
                     " (p >= ", FormatNumber(at.point().threshold(), 3), ")");
    table.rows.push_back(
        {"sensitivity" + name, interval(at.sensitivity(), at.sensitivity_low(),
                                        at.sensitivity_high())});
    table.rows.push_back(
        {"specificity" + name, interval(at.specificity(), at.specificity_low(),
                                        at.specificity_high())});
  }
  context.Print(table, ToJson(evaluation));
}

absl::Status Evaluate(Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName model,
                   Version("model", context.argument(0)));
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   Version("dataset", line.Text("dataset")));
  v1::EvaluateRequest request;
  request.set_model(model.name);
  request.set_model_version(model.version);
  request.set_dataset(dataset.name);
  request.set_dataset_version(dataset.version);
  request.set_split(line.Text("split"));
  request.set_final(line.On("final"));
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::TrainingService::Stub::Evaluate, request));
  if (!line.On("wait") && !line.Has("report")) {
    PrintJob(job, context);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::Job ended, WatchToEnd(context, job.id()));
  RETURN_IF_ERROR(JobError(ended));

  v1::GetEvaluationRequest found;
  found.set_model(model.name);
  found.set_model_version(model.version);
  found.set_dataset(dataset.name);
  found.set_dataset_version(dataset.version);
  found.set_split(line.Text("split"));
  ASSIGN_OR_RETURN(const v1::Evaluation evaluation,
                   client->Call(&v1::ModelService::Stub::GetEvaluation, found));
  if (line.Has("report")) {
    std::string html;
    RETURN_IF_ERROR(
        client->Read(&v1::ModelService::Stub::ReadEvaluationReport, found,
                     [&](const v1::ReadEvaluationReportResponse& part) {
                       html += part.chunk();
                       return absl::OkStatus();
                     }));
    RETURN_IF_ERROR(WriteFile(line.Text("report"), html));
    context.Say(absl::StrCat("report written to ", line.Text("report")));
  }
  PrintEvaluation(evaluation, context);
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> FeatureCommands() {
  std::vector<Flag> extract = FeatureFlags();
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

std::vector<Command> TrainingCommands() {
  std::vector<Flag> train = FeatureFlags();
  for (const Flag& flag :
       {Flag::Text("model", "M", "name of the model").Required(),
        Flag::Text("positive", "CLASS", "the label to find").Required(),
        Flag::Integer("hidden",
                      "units of the hidden layer; 0 is logistic "
                      "regression (default 256)"),
        Flag::Integer("seed", "decides everything random").Default("0"),
        Flag::Switch("wait", "wait for the job's end")}) {
    train.push_back(flag);
  }
  return {{"train",
           "DATASET@N",
           "Train a classifier on extracted features",
           "Makes the next version of the model. Learns from the split train; "
           "validation chooses.",
           train,
           {"nevus train isic@1 --backbone vgg16 --model melanoma --positive "
            "melanoma --wait"},
           Train},
          {"evaluate",
           "M@V",
           "Judge a model version on a split",
           "The split test opens once for a model version, with --final.",
           {Flag::Text("dataset", "DATASET@N", "on which dataset").Required(),
            Flag::Text("split", "S", "on which split")
                .Required()
                .OneOf({"train", "validation", "test"}),
            Flag::Switch("final", "open the split test"),
            Flag::Text("report", "FILE.html", "write the report there; waits"),
            Flag::Switch("wait", "wait for the job's end")},
           {"nevus evaluate melanoma@1 --dataset isic@1 --split validation "
            "--report "
            "r.html --wait"},
           Evaluate}};
}

}  // namespace nevus
