// BackboneService over the BackboneStore: an adapter, but for one thing it does
// itself: a weight file is loaded, as extraction will load it, before it is
// kept.
#ifndef NEVUS_SERVICES_REGISTRY_BACKBONE_SERVICE_H_
#define NEVUS_SERVICES_REGISTRY_BACKBONE_SERVICE_H_

#include "base/clock.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "storage/backbone/backbone_store.h"
#include "storage/engine/request_log.h"
#include "storage/model/model_store.h"

namespace nevus {

// The largest weight file: twice a whole VGG16 with its classifier.
constexpr int64_t kMaxWeightsBytes = int64_t{1} << 30;

// Thread-safe. Errors as in backbone.proto.
class BackboneServiceImpl final : public v1::BackboneService::Service {
 public:
  // All must outlive this; `models` says which backbones are in use.
  BackboneServiceImpl(BackboneStore& backbones, const ModelStore& models,
                      RequestLog& requests, const Clock& clock)
      : backbones_(backbones),
        models_(models),
        requests_(requests),
        clock_(clock) {}

  grpc::Status ImportBackbone(
      grpc::ServerContext* context,
      grpc::ServerReader<v1::ImportBackboneRequest>* reader,
      v1::Backbone* response) override;
  grpc::Status GetBackbone(grpc::ServerContext* context,
                           const v1::GetBackboneRequest* request,
                           v1::Backbone* response) override;
  grpc::Status ListBackbones(grpc::ServerContext* context,
                             const v1::ListBackbonesRequest* request,
                             v1::ListBackbonesResponse* response) override;
  grpc::Status DeleteBackbone(grpc::ServerContext* context,
                              const v1::DeleteBackboneRequest* request,
                              v1::DeleteBackboneResponse* response) override;
  grpc::Status ReadBackboneWeights(
      grpc::ServerContext* context,
      const v1::ReadBackboneWeightsRequest* request,
      grpc::ServerWriter<v1::ReadBackboneWeightsResponse>* writer) override;

 private:
  absl::StatusOr<v1::DeleteBackboneResponse> Delete(const std::string& name,
                                                    const RequestEntry& entry);

  BackboneStore& backbones_;
  const ModelStore& models_;
  RequestLog& requests_;
  const Clock& clock_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_REGISTRY_BACKBONE_SERVICE_H_
