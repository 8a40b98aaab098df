// model compare: two model versions on the same cases.
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"
#include "clients/nevus/training.h"

namespace nevus {
namespace {

std::string Interval(double value, double low, double high) {
  return absl::StrCat(FormatNumber(value, 3), " (", FormatNumber(low, 3),
                      " to ", FormatNumber(high, 3), ")");
}

Row PointRow(const std::string& name, const v1::ComparedModel& model) {
  return {name,
          absl::StrCat(model.model(), " ", model.point().name(),
                       ", p >= ", FormatNumber(model.point().threshold(), 3))};
}

void Print(const v1::Comparison& comparison, Context& context) {
  const v1::ComparedModel& a = comparison.a();
  const v1::ComparedModel& b = comparison.b();
  Table table{{"figure", "value (95 % interval)"}, {}};
  table.rows = {
      PointRow("A", a),
      PointRow("B", b),
      {"rows", absl::StrCat(comparison.positives(), " positive, ",
                            comparison.negatives(), " negative")},
      {"AUC of A", Interval(a.auc(), a.auc_low(), a.auc_high())},
      {"AUC of B", Interval(b.auc(), b.auc_low(), b.auc_high())},
      {"A less B",
       Interval(comparison.auc_difference(), comparison.auc_difference_low(),
                comparison.auc_difference_high())},
      {"p, paired DeLong", FormatNumber(comparison.p_value(), 4)},
      {"decided otherwise",
       absl::StrCat(comparison.only_a_right() + comparison.only_b_right(),
                    ": A right ", comparison.only_a_right(), ", B right ",
                    comparison.only_b_right())}};
  for (const v1::FlippedDecision& flip : comparison.flips()) {
    table.rows.push_back(
        {absl::StrCat("  ", flip.id(), " (", flip.label(), ")"),
         absl::StrCat("A ", FormatNumber(flip.probability_a(), 3),
                      flip.positive_a() ? " positive" : " negative", ", B ",
                      FormatNumber(flip.probability_b(), 3),
                      flip.positive_b() ? " positive" : " negative")});
  }
  context.Print(table, ToJson(comparison));
}

absl::Status SetVersion(const std::string& text, v1::ModelVersionName* name) {
  ASSIGN_OR_RETURN(const VersionedName parsed, VersionArgument("model", text));
  name->set_name(parsed.name);
  name->set_version(parsed.version);
  return absl::OkStatus();
}

absl::Status Compare(Context& context) {
  const Invocation& line = context.line();
  v1::CompareModelsRequest request;
  RETURN_IF_ERROR(SetVersion(context.argument(0), request.mutable_a()));
  RETURN_IF_ERROR(SetVersion(context.argument(1), request.mutable_b()));
  ASSIGN_OR_RETURN(const VersionedName dataset,
                   VersionArgument("dataset", line.Text("dataset")));
  request.set_dataset(dataset.name);
  request.set_dataset_version(dataset.version);
  request.set_split(line.Text("split"));
  request.set_operating_point(line.Text("operating-point"));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(
      const v1::Comparison comparison,
      client->Call(&v1::TrainingService::Stub::CompareModels, request));
  const std::string& point_a = comparison.a().point().name();
  const std::string& point_b = comparison.b().point().name();
  if (point_a != point_b) {
    context.Say(absl::StrCat(
        "warning: the decisions are at different operating points, ", point_a,
        " of A and ", point_b,
        " of B; name one that both have with --operating-point"));
  }
  Print(comparison, context);
  return absl::OkStatus();
}

}  // namespace

std::vector<Command> ModelCompareCommands() {
  return {
      {"model compare",
       "A@V B@V",
       "Compare two model versions on the same cases",
       "Both AUCs with the paired test of DeLong, and every decision that "
       "differs, at each model's own threshold. On the split test only when "
       "both have been evaluated on it.",
       {Flag::Text("dataset", "DATASET@N", "on which dataset").Required(),
        Flag::Text("split", "S", "on which split")
            .Default("validation")
            .OneOf({"train", "validation", "test"}),
        Flag::Text("operating-point", "P",
                   "which thresholds decide (default: each model's "
                   "first)")},
       {"nevus model compare melanoma@3 melanoma@4 --dataset isic@1"},
       Compare}};
}

}  // namespace nevus
