// ModelService over the ModelStore: decode, check, ask, encode.
#ifndef NEVUS_SERVICES_REGISTRY_MODEL_SERVICE_H_
#define NEVUS_SERVICES_REGISTRY_MODEL_SERVICE_H_

#include "base/clock.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "storage/engine/request_log.h"
#include "storage/model/model_store.h"

namespace nevus {

// The largest report: a message holds it whole, with room to spare.
constexpr size_t kMaxReportBytes = size_t{32} << 20;

// Thread-safe. Errors as in model.proto.
class ModelServiceImpl final : public v1::ModelService::Service {
 public:
  // All must outlive this.
  ModelServiceImpl(ModelStore& models, RequestLog& requests, const Clock& clock)
      : models_(models), requests_(requests), clock_(clock) {}

  grpc::Status RegisterModel(grpc::ServerContext* context,
                             const v1::RegisterModelRequest* request,
                             v1::Model* response) override;
  grpc::Status GetModel(grpc::ServerContext* context,
                        const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status ListModels(grpc::ServerContext* context,
                          const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status PromoteModel(grpc::ServerContext* context,
                            const v1::PromoteModelRequest* request,
                            v1::Alias* response) override;
  grpc::Status RollbackAlias(grpc::ServerContext* context,
                             const v1::RollbackAliasRequest* request,
                             v1::Alias* response) override;
  grpc::Status SetCandidate(grpc::ServerContext* context,
                            const v1::SetCandidateRequest* request,
                            v1::Alias* response) override;
  grpc::Status ListAliases(grpc::ServerContext* context,
                           const v1::ListAliasesRequest* request,
                           v1::ListAliasesResponse* response) override;
  grpc::Status RecordEvaluation(grpc::ServerContext* context,
                                const v1::RecordEvaluationRequest* request,
                                v1::Evaluation* response) override;
  grpc::Status GetEvaluation(grpc::ServerContext* context,
                             const v1::GetEvaluationRequest* request,
                             v1::Evaluation* response) override;
  grpc::Status ReadEvaluationReport(
      grpc::ServerContext* context, const v1::GetEvaluationRequest* request,
      grpc::ServerWriter<v1::ReadEvaluationReportResponse>* writer) override;
  grpc::Status WriteCheckpoint(grpc::ServerContext* context,
                               const v1::WriteCheckpointRequest* request,
                               v1::WriteCheckpointResponse* response) override;
  grpc::Status ReadCheckpoint(grpc::ServerContext* context,
                              const v1::ReadCheckpointRequest* request,
                              v1::Checkpoint* response) override;

 private:
  ModelStore& models_;
  RequestLog& requests_;
  const Clock& clock_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_REGISTRY_MODEL_SERVICE_H_
