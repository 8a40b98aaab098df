// What serving keeps of its answers, whole: the store in DATA/serving, the log
// that writes it and the service that reads it. The one thing that the serving
// service has to know of watching.
#ifndef NEVUS_SERVICES_SERVING_PREDICTION_WATCH_H_
#define NEVUS_SERVICES_SERVING_PREDICTION_WATCH_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction.pb.h"
#include "protos/nevus/v1/prediction_log.pb.h"
#include "services/runtime/hosted_service.h"
#include "services/serving/drift_monitor.h"
#include "services/serving/prediction_log.h"
#include "services/serving/prediction_log_service.h"
#include "services/serving/serving_metrics.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/prediction/prediction_store.h"

namespace nevus {

// An answer for one image, as watching needs it. Borrows what it points at.
struct Answered {
  const v1::Model* model = nullptr;  // without its head
  std::string_view image;
  std::string image_digest;
  const std::vector<float>* feature = nullptr;
  std::string prediction_id;
  std::string alias;  // that was asked; "" if a version was
  const v1::PredictResponse* decided = nullptr;  // as Decide fills it
  v1::PredictionRole role = v1::SERVED;
  std::string shadow_of;  // of a shadow: the prediction that was the answer
};

// As it is logged, without its time. Of the feature only the bins that the
// model's baseline watches are kept. Pure.
v1::LoggedPrediction LoggedOf(const Answered& answered);

// Thread-safe. Start once, then Stop once. Calls that still run after the stop
// are logged too.
class PredictionWatch {
 public:
  // Opens the store below context.data_dir. Errors: those of RocksDbStore.
  static absl::StatusOr<std::unique_ptr<PredictionWatch>> Open(
      const ServiceContext& context);

  // Writes what waits.
  ~PredictionWatch();

  grpc::Service* grpc_service() { return &service_; }
  void Start();
  void Stop();

  // Logs and counts an answer; waits for nothing.
  void Note(const Answered& answered);
  ServingMetrics& metrics() { return metrics_; }
  // How a replay answers an image. Set before Start.
  void set_answer(AnswerImage answer) {
    service_.set_answer(std::move(answer));
  }
  // Called before each snapshot of the metrics, for what only the service
  // knows. Set before Start.
  void set_refresh(std::function<void(ServingMetrics&)> refresh) {
    refresh_ = std::move(refresh);
  }

  absl::Status Backup(const std::string& dir) {
    log_.Flush();
    return engine_->Checkpoint(dir);
  }
  absl::Status Verify(const VerifyVisitor& visit) {
    return engine_->Verify(visit);
  }

 private:
  PredictionWatch(const ServiceContext& context,
                  std::unique_ptr<RocksDbStore> engine,
                  std::unique_ptr<RequestLog> requests,
                  std::unique_ptr<PredictionStore> store);

  const Clock& clock_;
  const std::unique_ptr<RocksDbStore> engine_;
  const std::unique_ptr<RequestLog> requests_;
  const std::unique_ptr<PredictionStore> store_;
  const std::shared_ptr<Metrics> process_metrics_;
  ServingMetrics metrics_;
  DriftMonitor drift_;
  PredictionLog log_;
  PredictionLogServiceImpl service_;
  std::function<void(ServingMetrics&)> refresh_;
  int refresh_id_ = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_PREDICTION_WATCH_H_
