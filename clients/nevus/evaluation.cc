// evaluate.
#include "clients/nevus/evaluation.h"

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/jobs.h"
#include "clients/nevus/training.h"

namespace nevus {
namespace {

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
                   VersionArgument("model", context.argument(0)));
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", line.Text("dataset")));
  v1::EvaluateRequest request;
  request.set_model(model.name);
  request.set_model_version(model.version);
  request.set_dataset(dataset.name);
  request.set_dataset_version(dataset.version);
  request.set_split(line.Text("split"));
  request.set_final(line.On("final"));
  request.set_priority(static_cast<int32_t>(line.Integer("priority")));
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
  return ShowEvaluation(found, context);
}

}  // namespace

absl::Status ShowEvaluation(const v1::GetEvaluationRequest& which,
                            Context& context) {
  using Stub = v1::ModelService::Stub;
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Evaluation evaluation,
                   client->Call(&Stub::GetEvaluation, which));
  if (line.Has("report")) {
    std::string html;
    RETURN_IF_ERROR(
        client->Read(&Stub::ReadEvaluationReport, which,
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

std::vector<Command> EvaluationCommands() {
  return {{"evaluate",
           "M@V",
           "Judge a model version on a split",
           "The split test opens once for a model version, with --final.",
           {Flag::Text("dataset", "DATASET@N", "on which dataset").Required(),
            Flag::Text("split", "S", "on which split")
                .Required()
                .OneOf({"train", "validation", "test"}),
            Flag::Switch("final", "open the split test"),
            Flag::Text("report", "FILE.html", "write the report there; waits"),
            PriorityFlag(), Flag::Switch("wait", "wait for the job's end")},
           {"nevus evaluate melanoma@1 --dataset isic@1 --split validation "
            "--report "
            "r.html --wait"},
           Evaluate}};
}

}  // namespace nevus
