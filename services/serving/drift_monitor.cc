#include "services/serving/drift_monitor.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "services/runtime/baseline.h"
#include "services/serving/window.h"

namespace nevus {
namespace {

const char* Name(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::kStable:
      return "stable";
    case DriftVerdict::kShifting:
      return "shifting";
    case DriftVerdict::kDrifted:
      return "drifted";
    case DriftVerdict::kUnknown:
      break;
  }
  return "unknown";
}

void SetGauges(Metrics& metrics, const std::string& model, const char* of,
               const Drift& drift) {
  const MetricLabels labels = {{"model", model}, {"of", of}};
  metrics
      .AddGauge("nevus_drift_psi",
                "Population stability index of the window against training.",
                labels)
      .Set(drift.psi);
  metrics
      .AddGauge("nevus_drift_psi_by_chance",
                "What chance alone exceeds once in a hundred times.", labels)
      .Set(drift.psi_by_chance);
  metrics
      .AddGauge("nevus_drift_verdict",
                "0 unknown, 1 stable, 2 shifting, 3 drifted.", labels)
      .Set(static_cast<double>(drift.verdict));
}

}  // namespace

void DriftMonitor::Add(const v1::LoggedPrediction& prediction,
                       const v1::Model& model) {
  MutexLock lock(mutex_);
  const Key key = {model.name(), model.version()};
  auto at = models_.find(key);
  if (at == models_.end()) {
    if (models_.size() >= options_.max_models) Retire();
    absl::StatusOr<DriftBaseline> baseline = BaselineOf(model);
    at = models_.emplace(key, Watched()).first;
    // The registry has checked it: one that is no good is as none.
    if (baseline.ok()) at->second.baseline = *std::move(baseline);
  }
  at->second.seen.push_back({ToTime(prediction.predict_time()),
                             prediction.probability(),
                             prediction.feature_bins()});
  Trim(at->second);
}

void DriftMonitor::Retire() {
  const auto last_seen = [](const auto& model) {
    const std::deque<Seen>& seen = model.second.seen;
    return seen.empty() ? absl::InfinitePast() : seen.back().time;
  };
  const auto oldest = std::min_element(models_.begin(), models_.end(),
                                       [&](const auto& a, const auto& b) {
                                         return last_seen(a) < last_seen(b);
                                       });
  retired_.insert(oldest->first);
  models_.erase(oldest);
}

void DriftMonitor::Trim(Watched& watched) const {
  const absl::Time oldest = clock_.Now() - options_.window;
  while (!watched.seen.empty() &&
         (watched.seen.size() > options_.max_predictions ||
          watched.seen.front().time < oldest)) {
    watched.seen.pop_front();
  }
}

std::deque<DriftMonitor::Seen> DriftMonitor::Load(const std::string& name,
                                                  int64_t version,
                                                  absl::Time until) const {
  PredictionQuery query;
  query.model = name;
  query.version = version;
  query.since = clock_.Now() - options_.window;
  query.until = until;
  std::deque<Seen> seen;
  const absl::Status read = store_.Visit(
      query, "", [&](const std::string&, const v1::LoggedPrediction& one) {
        seen.push_back({ToTime(one.predict_time()), one.probability(),
                        one.feature_bins()});
        if (seen.size() > options_.max_predictions) seen.pop_front();
        return true;
      });
  if (!read.ok()) {
    Log("drift.log_unreadable").With("error", read.message());
  }
  return seen;
}

void DriftMonitor::Tell(const Key& key) {
  DriftBaseline baseline;
  std::vector<Seen> seen;
  {
    // A copy: answers wait for no arithmetic.
    MutexLock lock(mutex_);
    const auto model = models_.find(key);
    if (model != models_.end()) {
      Watched& watched = model->second;
      Trim(watched);
      baseline = watched.baseline;
      seen = {watched.seen.begin(), watched.seen.end()};
    }
  }
  std::vector<double> scores;
  std::vector<std::string_view> bins;
  for (const Seen& one : seen) {
    scores.push_back(one.score);
    bins.push_back(one.bins);
  }
  const std::string model = absl::StrCat(key.first, "@", key.second);
  const Drift of_scores = ScoreDrift(baseline, std::move(scores));
  const Drift of_features = FeatureDrift(baseline, bins);
  SetGauges(metrics_, model, "scores", of_scores);
  SetGauges(metrics_, model, "features", of_features);
  metrics_
      .AddGauge("nevus_drift_ks",
                "Two-sample Kolmogorov-Smirnov statistic of the scores.",
                {{"model", model}})
      .Set(of_scores.ks.statistic);
  metrics_
      .AddGauge("nevus_drift_predictions",
                "Predictions of the window that drift is told by.",
                {{"model", model}})
      .Set(static_cast<double>(seen.size()));
  const std::string verdict =
      absl::StrCat("scores ", Name(of_scores.verdict), ", features ",
                   Name(of_features.verdict));
  {
    MutexLock lock(mutex_);
    const auto watched = models_.find(key);
    if (watched == models_.end() || watched->second.verdict == verdict) return;
    watched->second.verdict = verdict;
  }
  Log("model.drift")
      .With("model", model)
      .With("verdict", verdict)
      .With("scores", of_scores.reason)
      .With("features", of_features.reason);
}

void DriftMonitor::Refresh() {
  // What was answered before the start is read without the lock: answers do not
  // wait for it.
  std::vector<Key> to_load;
  std::vector<absl::Time> until;
  {
    MutexLock lock(mutex_);
    for (auto& [key, watched] : models_) {
      if (watched.loaded || watched.seen.empty()) continue;
      watched.loaded = true;
      to_load.push_back(key);
      until.push_back(watched.seen.front().time);
    }
  }
  for (size_t i = 0; i < to_load.size(); ++i) {
    std::deque<Seen> before =
        Load(to_load[i].first, to_load[i].second, until[i]);
    MutexLock lock(mutex_);
    const auto watched = models_.find(to_load[i]);
    if (watched == models_.end()) continue;
    std::deque<Seen>& seen = watched->second.seen;
    seen.insert(seen.begin(), std::make_move_iterator(before.begin()),
                std::make_move_iterator(before.end()));
  }
  std::set<Key> all;
  {
    MutexLock lock(mutex_);
    all = std::move(retired_);
    retired_.clear();
    for (const auto& [key, watched] : models_) all.insert(key);
  }
  for (const Key& key : all) Tell(key);
}

}  // namespace nevus
