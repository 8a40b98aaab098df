#include "services/training/comparison.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/evaluation/metrics.h"
#include "compute/evaluation/paired_auc.h"
#include "services/runtime/convert.h"
#include "services/training/registry_calls.h"
#include "services/training/scored_split.h"

namespace nevus {
namespace {

// The contract's limit (Comparison.flips).
constexpr int kMostFlips = 1000;

// The point of that name, "" meaning the first.
absl::StatusOr<v1::OperatingPoint> FindPoint(const v1::Model& model,
                                             const std::string& name) {
  std::vector<std::string> names;
  for (const v1::OperatingPoint& point : model.operating_points()) {
    if (name.empty() || point.name() == name) return point;
    names.push_back(point.name());
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "model ", VersionText(model), " has no operating point ",
          Quoted(name), "; it has ", absl::StrJoin(names, ", "),
          ". Name one that both models have, or none for each one's first")),
      "OPERATING_POINT_UNKNOWN");
}

// A test split may be compared on only where it tells nothing new.
absl::Status CheckOpened(const Peers& peers,
                         const v1::CompareModelsRequest& request,
                         const v1::Model& model, PeerCaller caller) {
  if (request.split() != SplitName(v1::TEST)) return absl::OkStatus();
  v1::EvaluateTask task;
  task.set_model(model.name());
  task.set_model_version(model.version());
  task.set_dataset(request.dataset());
  task.set_dataset_version(request.dataset_version());
  task.set_split(request.split());
  ASSIGN_OR_RETURN(const std::string opener,
                   JobThatEvaluated(peers, task, caller));
  if (!opener.empty()) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "the test split of ", request.dataset(), "@",
          request.dataset_version(), " is sealed for ", VersionText(model),
          ": models are compared on it when each has been judged on it. Use "
          "the validation split, or open it with `nevus evaluate --final`")),
      "TEST_SPLIT_SEALED");
}

struct Side {
  v1::Model model;
  v1::OperatingPoint point;
  ScoredSplit rows;
};

absl::StatusOr<Side> ReadSide(const Peers& peers,
                              const v1::CompareModelsRequest& request,
                              const v1::ModelVersionName& name, v1::Split split,
                              PeerCaller caller) {
  Side side;
  ASSIGN_OR_RETURN(side.model,
                   GetModelVersion(peers, name.name(), name.version(), caller));
  ASSIGN_OR_RETURN(side.point,
                   FindPoint(side.model, request.operating_point()));
  RETURN_IF_ERROR(CheckOpened(peers, request, side.model, caller));
  ASSIGN_OR_RETURN(
      side.rows, ScoreSplit(peers, request.dataset(), request.dataset_version(),
                            split, side.model, caller));
  return side;
}

v1::ComparedModel ToProto(const Side& side, const AucResult& auc) {
  v1::ComparedModel result;
  result.set_model(VersionText(side.model));
  result.set_digest(side.model.digest());
  result.set_auc(auc.auc);
  result.set_auc_low(auc.ci95.low);
  result.set_auc_high(auc.ci95.high);
  *result.mutable_point() = side.point;
  return result;
}

}  // namespace

absl::StatusOr<v1::Comparison> CompareModels(
    const Peers& peers, const v1::CompareModelsRequest& request,
    PeerCaller caller) {
  ASSIGN_OR_RETURN(const v1::Split split, ParseSplit(request.split()));
  ASSIGN_OR_RETURN(const Side a,
                   ReadSide(peers, request, request.a(), split, caller));
  ASSIGN_OR_RETURN(const Side b,
                   ReadSide(peers, request, request.b(), split, caller));
  if (a.model.positive() != b.model.positive()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            VersionText(a.model), " finds ", Quoted(a.model.positive()), ", ",
            VersionText(b.model), " finds ", Quoted(b.model.positive()),
            "; only models that find the same label can be compared")),
        "POSITIVE_DIFFERS");
  }
  const PairedAuc auc = ComparePaired(a.rows.scored, b.rows.scored);
  v1::Comparison result;
  *result.mutable_a() = ToProto(a, auc.a);
  *result.mutable_b() = ToProto(b, auc.b);
  result.set_auc_difference(auc.difference);
  result.set_auc_difference_low(auc.ci95.low);
  result.set_auc_difference_high(auc.ci95.high);
  result.set_p_value(auc.p_value);
  for (size_t row = 0; row < a.rows.examples.size(); ++row) {
    const bool truth = a.rows.scored[row].positive;
    const double p_a = a.rows.scored[row].score;
    const double p_b = b.rows.scored[row].score;
    const bool called_a = p_a >= a.point.threshold();
    const bool called_b = p_b >= b.point.threshold();
    if (truth) {
      result.set_positives(result.positives() + 1);
    } else {
      result.set_negatives(result.negatives() + 1);
    }
    if (called_a == called_b) continue;
    if (called_a == truth) {
      result.set_only_a_right(result.only_a_right() + 1);
    } else {
      result.set_only_b_right(result.only_b_right() + 1);
    }
    if (result.flips_size() == kMostFlips) continue;
    v1::FlippedDecision& flip = *result.add_flips();
    flip.set_id(a.rows.examples[row].id());
    flip.set_image_digest(a.rows.examples[row].image_digest());
    flip.set_label(a.rows.examples[row].label());
    flip.set_probability_a(p_a);
    flip.set_probability_b(p_b);
    flip.set_positive_a(called_a);
    flip.set_positive_b(called_b);
  }
  return result;
}

}  // namespace nevus
