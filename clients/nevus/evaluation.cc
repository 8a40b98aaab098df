// evaluate.
#include "clients/nevus/evaluation.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/html.h"
#include "base/status.h"
#include "clients/cpp/files.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/jobs.h"
#include "clients/nevus/predict_files.h"
#include "clients/nevus/training.h"

namespace nevus {
namespace {

constexpr int64_t kInFlight = 8;

std::string Interval(double value, double low, double high) {
  return absl::StrCat(FormatNumber(value, 3), " (", FormatNumber(low, 3),
                      " to ", FormatNumber(high, 3), ")");
}

// What the probabilities mean, and when there are none.
void AddHonesty(const v1::Evaluation& evaluation, Table& table) {
  const auto add = [&](const v1::CalibrationFigures& figures,
                       const std::string& when) {
    table.rows.push_back(
        {"calibration slope" + when,
         Interval(figures.slope(), figures.slope_low(), figures.slope_high())});
    table.rows.push_back({"calibration intercept" + when,
                          Interval(figures.intercept(), figures.intercept_low(),
                                   figures.intercept_high())});
    table.rows.push_back({"expected calibration error" + when,
                          FormatNumber(figures.expected_error(), 3)});
  };
  if (evaluation.has_calibrated()) add(evaluation.calibrated(), "");
  if (evaluation.has_uncalibrated()) {
    add(evaluation.uncalibrated(), ", before calibration");
    table.rows.push_back({"Brier score, before calibration",
                          FormatNumber(evaluation.uncalibrated().brier(), 3)});
  }
  if (evaluation.has_abstention()) {
    const v1::AbstentionFigures& figures = evaluation.abstention();
    table.rows.push_back(
        {"abstains (unlike its training)",
         absl::StrCat(figures.out_of_distribution(), " of ", figures.rows(),
                      " rows, ", figures.positives(), " of them positive")});
  }
}

// What the model says of the images of a folder that it should not judge.
struct FolderAbstention {
  std::string folder;
  int64_t images = 0;
  int64_t abstained = 0;
  std::map<std::string, int64_t> by_reason;
  int64_t unreadable = 0;
};

absl::StatusOr<FolderAbstention> AskAboutFolder(
    const std::string& folder, const v1::GetEvaluationRequest& which,
    Context& context) {
  FolderAbstention found{folder, 0, 0, {}, 0};
  ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                   FindImageFiles({folder}));
  v1::PredictRequest request;
  request.set_model(which.model());
  request.set_version(which.model_version());
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Progress progress(context.terminal(), absl::StrCat("abstain? ", folder));
  const auto take = [&](size_t i, absl::StatusOr<v1::PredictResponse> answer) {
    progress.Update(static_cast<int64_t>(i) + 1,
                    static_cast<int64_t>(paths.size()), "images");
    if (absl::IsInvalidArgument(answer.status())) {
      ++found.unreadable;  // no image: refused, which is right
      return absl::OkStatus();
    }
    if (!answer.ok()) return answer.status();
    ++found.images;
    if (answer->abstain()) {
      ++found.abstained;
      ++found.by_reason[answer->abstain_reason()];
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(PredictFiles(*client, request, paths, kInFlight, take));
  return found;
}

// "38 OUT_OF_DISTRIBUTION, 2 were no images"
std::string ReasonsText(const FolderAbstention& found) {
  std::vector<std::string> reasons;
  for (const auto& [reason, count] : found.by_reason) {
    reasons.push_back(absl::StrCat(count, " ", reason));
  }
  if (found.unreadable > 0) {
    reasons.push_back(absl::StrCat(found.unreadable, " were no images"));
  }
  return absl::StrJoin(reasons, ", ");
}

void AddFolder(const FolderAbstention& found, Table& table, Json& json) {
  const std::string reasons = ReasonsText(found);
  table.rows.push_back({absl::StrCat("abstains on ", found.folder),
                        absl::StrCat(found.abstained, " of ", found.images,
                                     reasons.empty() ? "" : ": ", reasons)});
  json["ood_images"].push_back({{"folder", found.folder},
                                {"images", found.images},
                                {"abstained", found.abstained},
                                {"by_reason", found.by_reason},
                                {"unreadable", found.unreadable}});
}

// A section of the report. The server's page cannot have it: it is this client
// that asked.
std::string FoldersSection(const std::vector<FolderAbstention>& asked) {
  std::string html =
      "<h2>Images it should not judge</h2>\n<p class=\"soft\">On how many of "
      "these, asked through serving, the model says that it cannot tell."
      "</p>\n<div class=\"card scroll\"><table>\n<thead><tr><th "
      "scope=\"col\">Folder</th><th scope=\"col\">Images</th><th "
      "scope=\"col\">Abstained</th><th scope=\"col\">Of these</th></tr>"
      "</thead>\n<tbody>\n";
  for (const FolderAbstention& found : asked) {
    const double share =
        static_cast<double>(found.abstained) /
        static_cast<double>(std::max<int64_t>(found.images, 1));
    absl::StrAppend(&html, "<tr><th scope=\"row\">", EscapeHtml(found.folder),
                    "</th><td>", found.images, "</td><td>", found.abstained,
                    "<small>", FormatNumber(100 * share, 1),
                    "\u00a0%</small></td><td>", EscapeHtml(ReasonsText(found)),
                    "</td></tr>\n");
  }
  return html + "</tbody></table></div>\n";
}

Table EvaluationTable(const v1::Evaluation& evaluation) {
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
  table.rows.push_back({"AUC", Interval(evaluation.auc(), evaluation.auc_low(),
                                        evaluation.auc_high())});
  table.rows.push_back(
      {"average precision", FormatNumber(evaluation.average_precision(), 3)});
  table.rows.push_back({"Brier score", FormatNumber(evaluation.brier(), 3)});
  AddHonesty(evaluation, table);
  for (const v1::AtOperatingPoint& at : evaluation.points()) {
    const std::string name =
        absl::StrCat(" at ", at.point().name(),
                     " (p >= ", FormatNumber(at.point().threshold(), 3), ")");
    table.rows.push_back(
        {"sensitivity" + name, Interval(at.sensitivity(), at.sensitivity_low(),
                                        at.sensitivity_high())});
    table.rows.push_back(
        {"specificity" + name, Interval(at.specificity(), at.specificity_low(),
                                        at.specificity_high())});
  }
  return table;
}

// Which evaluation the command line names.
template <typename Request>
absl::Status SetSubject(const Context& context, Request& request) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(const VersionedName model,
                   VersionArgument("model", context.argument(0)));
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", line.Text("dataset")));
  request.set_model(model.name);
  request.set_model_version(model.version);
  request.set_dataset(dataset.name);
  request.set_dataset_version(dataset.version);
  request.set_split(line.Text("split"));
  return absl::OkStatus();
}

absl::Status Evaluate(Context& context) {
  const Invocation& line = context.line();
  v1::EvaluateRequest request;
  RETURN_IF_ERROR(SetSubject(context, request));
  request.set_final(line.On("final"));
  request.set_priority(static_cast<int32_t>(line.Integer("priority")));
  request.set_request_id(RandomHex(16));
  // Before the job: the split test opens once.
  for (const std::string& folder : line.All("ood-images")) {
    RETURN_IF_ERROR(FindImageFiles({folder}).status());
  }
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   client->Call(&v1::TrainingService::Stub::Evaluate, request));
  if (!line.On("wait") && !line.Has("report") && !line.Has("ood-images")) {
    PrintJob(job, context);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::Job ended, WatchToEnd(context, job.id()));
  RETURN_IF_ERROR(JobError(ended));
  v1::GetEvaluationRequest which;
  RETURN_IF_ERROR(SetSubject(context, which));
  return ShowEvaluation(which, context);
}

absl::Status Show(Context& context) {
  v1::GetEvaluationRequest which;
  RETURN_IF_ERROR(SetSubject(context, which));
  return ShowEvaluation(which, context);
}

std::vector<Flag> WhichFlags() {
  return {Flag::Text("dataset", "DATASET@N", "on which dataset").Required(),
          Flag::Text("split", "S", "on which split")
              .Required()
              .OneOf({"train", "validation", "test"})};
}

Flag OodImagesFlag(const std::string& more) {
  return Flag::Text("ood-images", "DIR",
                    absl::StrCat("show on how many of these images, which it "
                                 "should not judge, the model abstains",
                                 more))
      .Repeated();
}

}  // namespace

absl::Status ShowEvaluation(const v1::GetEvaluationRequest& which,
                            Context& context) {
  using Stub = v1::ModelService::Stub;
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Evaluation evaluation,
                   client->Call(&Stub::GetEvaluation, which));
  std::vector<FolderAbstention> asked;
  for (const std::string& folder : line.All("ood-images")) {
    ASSIGN_OR_RETURN(FolderAbstention found,
                     AskAboutFolder(folder, which, context));
    asked.push_back(std::move(found));
  }
  if (line.Has("report")) {
    std::string html;
    RETURN_IF_ERROR(
        client->Read(&Stub::ReadEvaluationReport, which,
                     [&](const v1::ReadEvaluationReportResponse& part) {
                       html += part.chunk();
                       return absl::OkStatus();
                     }));
    if (!asked.empty()) {
      html.insert(std::min(html.rfind("<footer>"), html.size()),
                  FoldersSection(asked));
    }
    RETURN_IF_ERROR(WriteFile(line.Text("report"), html));
    context.Say(absl::StrCat("report written to ", line.Text("report")));
  }
  Table table = EvaluationTable(evaluation);
  Json json = ToJson(evaluation);
  for (const FolderAbstention& found : asked) AddFolder(found, table, json);
  context.Print(table, json);
  return absl::OkStatus();
}

std::vector<Command> EvaluationCommands() {
  std::vector<Flag> evaluate = WhichFlags(), show = WhichFlags();
  evaluate.push_back(Flag::Switch("final", "open the split test"));
  evaluate.push_back(
      Flag::Text("report", "FILE.html", "write the report there; waits"));
  evaluate.push_back(OodImagesFlag("; waits"));
  evaluate.push_back(PriorityFlag());
  evaluate.push_back(Flag::Switch("wait", "wait for the job's end"));
  show.push_back(Flag::Text("report", "FILE.html", "write the report there"));
  show.push_back(OodImagesFlag(""));
  return {{"evaluate",
           "M@V",
           "Judge a model version on a split",
           "The split test opens once for a model version, with --final; what "
           "came of it, `nevus evaluation show` tells as often as asked.",
           evaluate,
           {"nevus evaluate melanoma@1 --dataset isic@1 --split validation "
            "--report "
            "r.html --wait",
            "nevus evaluate melanoma@1 --dataset isic@1 --split validation "
            "--ood-images documents --ood-images holidays"},
           Evaluate},
          {"evaluation show",
           "M@V",
           "Show what an evaluation found",
           "The newest of this version on this split; nothing is computed.",
           show,
           {"nevus evaluation show melanoma@1 --dataset isic@1 --split test "
            "--report r.html"},
           Show}};
}

}  // namespace nevus
