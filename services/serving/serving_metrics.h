// What serving counts (docs/watching.md lists the names). Knows no exporter.
#ifndef NEVUS_SERVICES_SERVING_SERVING_METRICS_H_
#define NEVUS_SERVICES_SERVING_SERVING_METRICS_H_

#include <string>

#include "absl/status/status.h"
#include "base/metrics.h"
#include "protos/nevus/v1/prediction_log.pb.h"

namespace nevus {

// Thread-safe. Cheap to make: the same metrics are found again.
class ServingMetrics {
 public:
  // `metrics` must outlive this.
  explicit ServingMetrics(Metrics& metrics);

  // The parts of an answer's time.
  Histogram& model_seconds;    // until the model is there
  Histogram& queue_seconds;    // until its batch begins
  Histogram& compute_seconds;  // the batch
  Histogram& log_seconds;      // handing it to the log, and to a shadow
  Histogram& total_seconds;    // all but that
  Histogram& batch_size;
  Gauge& queue_depth;
  Gauge& log_waiting;
  Gauge& log_dropped;
  Counter& shadows_dropped;

  void CountPrediction(const v1::LoggedPrediction& prediction);
  // `status` is an error, told by its reason, or its code if it has none.
  void CountError(const absl::Status& status);

 private:
  Metrics& metrics_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_SERVING_METRICS_H_
