#include "services/runtime/baseline.h"

#include "base/status.h"

namespace nevus {
namespace {

v1::DriftVerdict ToProto(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::kStable:
      return v1::STABLE;
    case DriftVerdict::kShifting:
      return v1::SHIFTING;
    case DriftVerdict::kDrifted:
      return v1::DRIFTED;
    case DriftVerdict::kUnknown:
      break;
  }
  return v1::DRIFT_VERDICT_UNSPECIFIED;
}

}  // namespace

v1::Baseline ToProto(const DriftBaseline& baseline) {
  v1::Baseline result;
  *result.mutable_scores() = {baseline.scores.begin(), baseline.scores.end()};
  result.set_score_rows(baseline.score_rows);
  *result.mutable_dimensions() = {baseline.dimensions.begin(),
                                  baseline.dimensions.end()};
  *result.mutable_deciles() = {baseline.deciles.begin(),
                               baseline.deciles.end()};
  *result.mutable_fractions() = {baseline.fractions.begin(),
                                 baseline.fractions.end()};
  result.set_feature_rows(baseline.feature_rows);
  return result;
}

absl::StatusOr<DriftBaseline> BaselineOf(const v1::Model& model) {
  const v1::Baseline& stored = model.baseline();
  DriftBaseline baseline;
  baseline.scores = {stored.scores().begin(), stored.scores().end()};
  baseline.score_rows = stored.score_rows();
  baseline.dimensions = {stored.dimensions().begin(),
                         stored.dimensions().end()};
  baseline.deciles = {stored.deciles().begin(), stored.deciles().end()};
  baseline.fractions = {stored.fractions().begin(), stored.fractions().end()};
  baseline.feature_rows = stored.feature_rows();
  RETURN_IF_ERROR(CheckBaseline(baseline, model.space().dimension()));
  return baseline;
}

v1::Drift ToProto(const Drift& drift) {
  v1::Drift result;
  result.set_verdict(ToProto(drift.verdict));
  result.set_reason(drift.reason);
  result.set_psi(drift.psi);
  result.set_psi_by_chance(drift.psi_by_chance);
  result.set_ks(drift.ks.statistic);
  result.set_ks_p(drift.ks.p);
  result.set_worst_dimension(drift.worst_dimension);
  result.set_worst_psi(drift.worst_psi);
  return result;
}

}  // namespace nevus
