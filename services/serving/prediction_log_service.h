// PredictionLogService over the prediction log: decode, check, ask, encode.
#ifndef NEVUS_SERVICES_SERVING_PREDICTION_LOG_SERVICE_H_
#define NEVUS_SERVICES_SERVING_PREDICTION_LOG_SERVICE_H_

#include <utility>

#include "base/clock.h"
#include "protos/nevus/v1/prediction_log.grpc.pb.h"
#include "services/runtime/peers.h"
#include "services/serving/prediction_log.h"
#include "services/serving/replay.h"
#include "storage/engine/request_log.h"
#include "storage/prediction/prediction_store.h"

namespace nevus {

// Thread-safe. Errors as in prediction_log.proto.
class PredictionLogServiceImpl final
    : public v1::PredictionLogService::Service {
 public:
  // All must outlive this.
  PredictionLogServiceImpl(PredictionLog& log, PredictionStore& store,
                           RequestLog& requests, const Peers& peers,
                           const Clock& clock)
      : log_(log),
        store_(store),
        requests_(requests),
        peers_(peers),
        clock_(clock) {}

  // How a replay answers an image. Set before the service is used.
  void set_answer(AnswerImage answer) { answer_ = std::move(answer); }

  grpc::Status ListPredictions(grpc::ServerContext* call,
                               const v1::ListPredictionsRequest* request,
                               v1::ListPredictionsResponse* response) override;
  grpc::Status GetPrediction(grpc::ServerContext* call,
                             const v1::GetPredictionRequest* request,
                             v1::LoggedPrediction* response) override;
  grpc::Status RecordOutcome(grpc::ServerContext* call,
                             const v1::RecordOutcomeRequest* request,
                             v1::Outcome* response) override;
  grpc::Status GetLivePerformance(grpc::ServerContext* call,
                                  const v1::GetLivePerformanceRequest* request,
                                  v1::LivePerformance* response) override;
  grpc::Status ReplayPredictions(
      grpc::ServerContext* call, const v1::ReplayPredictionsRequest* request,
      grpc::ServerWriter<v1::ReplayPredictionsResponse>* writer) override;

 private:
  PredictionLog& log_;
  PredictionStore& store_;
  RequestLog& requests_;
  const Peers& peers_;
  const Clock& clock_;
  AnswerImage answer_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_PREDICTION_LOG_SERVICE_H_
