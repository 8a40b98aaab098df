#include "services/serving/prediction_watch.h"

#include <utility>

#include "base/digest.h"
#include "base/status.h"
#include "base/trace.h"
#include "compute/evaluation/drift.h"
#include "compute/image/strip.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

// A log is written in order and read seldom, so a large buffer gains nothing;
// with the usual one a busy server's memory goes up and down by 64 MB.
constexpr size_t kWriteBufferBytes = 8 << 20;

PredictionLogOptions LogOptions(const PredictionKeeping& keeping) {
  PredictionLogOptions options;
  options.limits.keep = keeping.keep;
  options.limits.keep_for = keeping.keep_for;
  options.log_images = keeping.log_images;
  return options;
}

DriftMonitorOptions DriftOptions(const PredictionKeeping& keeping) {
  DriftMonitorOptions options;
  options.window = keeping.drift_window;
  return options;
}

}  // namespace

v1::LoggedPrediction LoggedOf(const Answered& answered) {
  const v1::Model& model = *answered.model;
  const std::vector<float>& feature = *answered.feature;
  v1::LoggedPrediction logged;
  logged.set_prediction_id(answered.prediction_id);
  logged.set_model(model.name());
  logged.set_model_version(model.version());
  logged.set_model_digest(model.digest());
  logged.set_feature_space(model.space().digest());
  logged.set_alias(answered.alias);
  logged.set_image_digest(answered.image_digest);
  logged.set_probability(answered.decided->probability());
  logged.set_positive(answered.decided->positive());
  logged.set_abstain(answered.decided->abstain());
  logged.set_abstain_reason(answered.decided->abstain_reason());
  logged.set_operating_point(answered.decided->operating_point());
  logged.set_threshold(answered.decided->threshold());
  logged.set_finds(model.positive());
  logged.set_role(answered.role);
  logged.set_shadow_of(answered.shadow_of);
  logged.set_synthetic(model.lineage().synthetic());
  const v1::Baseline& baseline = model.baseline();
  const int watched = baseline.dimensions_size();
  // The registry has checked that the baseline is of this space's features.
  if (watched > 0 &&
      feature.size() > static_cast<size_t>(baseline.dimensions(watched - 1))) {
    logged.set_feature_bins(FeatureBins(baseline.dimensions().data(), watched,
                                        baseline.deciles().data(),
                                        feature.data()));
  }
  return logged;
}

absl::StatusOr<std::unique_ptr<PredictionWatch>> PredictionWatch::Open(
    const ServiceContext& context) {
  RocksDbOptions options;
  options.write_buffer_bytes = kWriteBufferBytes;
  ASSIGN_OR_RETURN(std::unique_ptr<RocksDbStore> engine,
                   RocksDbStore::Open(context.data_dir + "/serving", options));
  ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> requests,
                   RequestLog::Open(*engine));
  ASSIGN_OR_RETURN(std::unique_ptr<PredictionStore> store,
                   PredictionStore::Open(*engine));
  return std::unique_ptr<PredictionWatch>(new PredictionWatch(
      context, std::move(engine), std::move(requests), std::move(store)));
}

PredictionWatch::PredictionWatch(const ServiceContext& context,
                                 std::unique_ptr<RocksDbStore> engine,
                                 std::unique_ptr<RequestLog> requests,
                                 std::unique_ptr<PredictionStore> store)
    : clock_(*context.clock),
      engine_(std::move(engine)),
      requests_(std::move(requests)),
      store_(std::move(store)),
      process_metrics_(context.metrics),
      metrics_(*process_metrics_),
      drift_(*store_, *process_metrics_, clock_,
             DriftOptions(context.predictions)),
      log_(*store_, clock_, LogOptions(context.predictions)),
      service_(log_, *store_, *requests_, *context.peers, clock_) {}

void PredictionWatch::Start() {
  refresh_id_ = process_metrics_->AddRefresh([this] {
    metrics_.log_waiting.Set(static_cast<double>(log_.waiting()));
    metrics_.log_dropped.Set(static_cast<double>(log_.dropped()));
    drift_.Refresh();
    if (refresh_) refresh_(metrics_);
  });
  log_.Start();
}

void PredictionWatch::Stop() { process_metrics_->RemoveRefresh(refresh_id_); }

PredictionWatch::~PredictionWatch() { Stop(); }

void PredictionWatch::Note(const Answered& answered) {
  v1::LoggedPrediction logged = LoggedOf(answered);
  // By what a replay finds it in a dataset. Of an image that was answered it
  // does not fail.
  const absl::StatusOr<std::string> stripped = StripMetadata(answered.image);
  if (stripped.ok() && stripped->size() != answered.image.size()) {
    logged.set_stored_digest(Sha256Hex(*stripped));
  }
  *logged.mutable_predict_time() = TimestampOf(clock_.Now());
  if (CurrentTrace().has_value()) logged.set_trace_id(CurrentTrace()->trace_id);
  metrics_.CountPrediction(logged);
  drift_.Add(logged, *answered.model);
  log_.Add(std::move(logged), answered.image);
}

}  // namespace nevus
