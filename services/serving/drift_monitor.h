// The drift of the models that answer now, as metrics: the newest predictions
// of a window, held against the baselines of their models.
//
// ... -> prediction -> [drift] -> metric. Keeps what it needs in memory, 100
// bytes a prediction; what was answered before the start is read from the log
// when it is first needed.
#ifndef NEVUS_SERVICES_SERVING_DRIFT_MONITOR_H_
#define NEVUS_SERVICES_SERVING_DRIFT_MONITOR_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "compute/evaluation/drift.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction_log.pb.h"
#include "storage/prediction/prediction_store.h"

namespace nevus {

struct DriftMonitorOptions {
  absl::Duration window = absl::Hours(7 * 24);
  // Of a model; the newest.
  size_t max_predictions = 10'000;
  // Models that are watched: those that answered last.
  size_t max_models = 16;
};

// Thread-safe.
class DriftMonitor {
 public:
  // `store`, `metrics` and `clock` must outlive this.
  DriftMonitor(const PredictionStore& store, Metrics& metrics,
               const Clock& clock, const DriftMonitorOptions& options)
      : store_(store), metrics_(metrics), clock_(clock), options_(options) {}

  // Takes a prediction that `model` has just made.
  void Add(const v1::LoggedPrediction& prediction, const v1::Model& model);
  // Works out the drift of each model and sets its gauges. Logs a verdict that
  // is another than before. One call at a time.
  void Refresh();

 private:
  using Key = std::pair<std::string, int64_t>;  // name and version
  struct Seen {
    absl::Time time;
    double score = 0;
    std::string bins;
  };
  struct Watched {
    DriftBaseline baseline;
    std::deque<Seen> seen;  // oldest first
    bool loaded = false;    // with what was answered before the start
    std::string verdict;    // of the last Refresh
  };

  // What the log has of `model` before `until`, the newest.
  std::deque<Seen> Load(const std::string& name, int64_t version,
                        absl::Time until) const;
  void Trim(Watched& watched) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(const Key& key);
  // Makes room for another model: the one that answered longest ago leaves.
  void Retire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const PredictionStore& store_;
  Metrics& metrics_;
  const Clock& clock_;
  const DriftMonitorOptions options_;
  Mutex mutex_;
  std::map<Key, Watched> models_ ABSL_GUARDED_BY(mutex_);
  // Whose gauges still say what was when they were watched.
  std::set<Key> retired_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_DRIFT_MONITOR_H_
