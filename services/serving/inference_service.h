// The Open Inference Protocol on the port of everything else: an adapter.
// Tensors are inference_codec.h's, answers predictor.h's.
#ifndef NEVUS_SERVICES_SERVING_INFERENCE_SERVICE_H_
#define NEVUS_SERVICES_SERVING_INFERENCE_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "protos/inference/grpc_service.grpc.pb.h"
#include "services/runtime/peers.h"
#include "services/serving/model_set.h"
#include "services/serving/predictor.h"

namespace nevus {

// Thread-safe.
class InferenceService final : public inference::GRPCInferenceService::Service {
 public:
  // All must outlive this.
  InferenceService(const Peers& peers, ModelSet& models, Predictor& predictor)
      : peers_(peers), models_(models), predictor_(predictor) {}

  grpc::Status ServerLive(grpc::ServerContext* call,
                          const inference::ServerLiveRequest* request,
                          inference::ServerLiveResponse* response) override;
  grpc::Status ServerReady(grpc::ServerContext* call,
                           const inference::ServerReadyRequest* request,
                           inference::ServerReadyResponse* response) override;
  grpc::Status ModelReady(grpc::ServerContext* call,
                          const inference::ModelReadyRequest* request,
                          inference::ModelReadyResponse* response) override;
  grpc::Status ServerMetadata(
      grpc::ServerContext* call,
      const inference::ServerMetadataRequest* request,
      inference::ServerMetadataResponse* response) override;
  grpc::Status ModelMetadata(
      grpc::ServerContext* call, const inference::ModelMetadataRequest* request,
      inference::ModelMetadataResponse* response) override;
  grpc::Status ModelInfer(grpc::ServerContext* call,
                          const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override;
  grpc::Status ModelStatistics(
      grpc::ServerContext* call,
      const inference::ModelStatisticsRequest* request,
      inference::ModelStatisticsResponse* response) override;
  grpc::Status RepositoryIndex(
      grpc::ServerContext* call,
      const inference::RepositoryIndexRequest* request,
      inference::RepositoryIndexResponse* response) override;

 private:
  const Peers& peers_;
  ModelSet& models_;
  Predictor& predictor_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_INFERENCE_SERVICE_H_
