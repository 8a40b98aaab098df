#include "services/serving/serving_metrics.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// 1 ms to 25 s, each 1.5 times the one before: a quantile is right to 20 %.
Histogram& Stage(Metrics& metrics, const char* stage) {
  return metrics.AddHistogram(
      "nevus_predict_duration_seconds", "Time of an answer, by stage.",
      ExponentialBounds(0.001, 1.5, 26), {{"stage", stage}});
}

const char* RoleName(v1::PredictionRole role) {
  switch (role) {
    case v1::CANARY:
      return "canary";
    case v1::SHADOW:
      return "shadow";
    default:
      return "served";
  }
}

const char* DecisionName(const v1::LoggedPrediction& prediction) {
  if (prediction.abstain()) return "abstain";
  return prediction.positive() ? "positive" : "negative";
}

}  // namespace

ServingMetrics::ServingMetrics(Metrics& metrics)
    : model_seconds(Stage(metrics, "model")),
      queue_seconds(Stage(metrics, "queue")),
      compute_seconds(Stage(metrics, "compute")),
      log_seconds(Stage(metrics, "log")),
      total_seconds(Stage(metrics, "total")),
      batch_size(metrics.AddHistogram("nevus_batch_size",
                                      "Images of a batch, once an image.",
                                      ExponentialBounds(1, 2, 8))),
      queue_depth(metrics.AddGauge("nevus_queue_depth",
                                   "Images that wait for their "
                                   "batch.")),
      log_waiting(metrics.AddGauge("nevus_prediction_log_waiting",
                                   "Predictions that wait to be synced.")),
      log_dropped(metrics.AddGauge(
          "nevus_prediction_log_dropped",
          "Predictions since the start that the full log did not take.")),
      shadows_dropped(metrics.AddCounter(
          "nevus_shadow_dropped_total",
          "Shadow predictions not made: no room, or no READY candidate.")),
      metrics_(metrics) {}

void ServingMetrics::CountPrediction(const v1::LoggedPrediction& prediction) {
  metrics_
      .AddCounter("nevus_predictions_total", "Predictions made.",
                  {{"model", absl::StrCat(prediction.model(), "@",
                                          prediction.model_version())},
                   {"role", RoleName(prediction.role())},
                   {"decision", DecisionName(prediction)}})
      .Add(1);
}

void ServingMetrics::CountError(const absl::Status& status) {
  std::string reason = ReasonOf(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  metrics_
      .AddCounter("nevus_predict_errors_total", "Calls without an answer.",
                  {{"reason", reason}})
      .Add(1);
}

}  // namespace nevus
