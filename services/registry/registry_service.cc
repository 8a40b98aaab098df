#include "services/registry/registry_service.h"

#include <utility>
#include <vector>

#include "base/status.h"
#include "services/registry/backbone_service.h"
#include "services/registry/checkpoint_pruner.h"
#include "services/registry/model_service.h"
#include "storage/backbone/backbone_store.h"
#include "storage/engine/request_log.h"
#include "storage/engine/rocksdb_store.h"
#include "storage/model/model_store.h"

namespace nevus {
namespace {

class RegistryService final : public HostedService {
 public:
  RegistryService(std::unique_ptr<RocksDbStore> engine,
                  std::unique_ptr<RequestLog> requests,
                  const ServiceContext& context)
      : engine_(std::move(engine)),
        requests_(std::move(requests)),
        backbones_(*engine_),
        models_(*engine_),
        backbone_service_(backbones_, models_, *requests_, *context.clock),
        model_service_(models_, *requests_, *context.clock),
        peers_(context.peers) {}

  std::vector<grpc::Service*> grpc_services() override {
    return {&backbone_service_, &model_service_};
  }

  void Start() override {
    pruner_ = std::make_unique<CheckpointPruner>(models_, *peers_);
    pruner_->Start();
  }
  void Stop() override {
    if (pruner_ != nullptr) pruner_->Stop();
  }

  absl::Status Backup(const std::string& dir) override {
    return engine_->Checkpoint(dir);
  }
  absl::Status Verify(const VerifyVisitor& visit) override {
    return engine_->Verify(visit);
  }

 private:
  const std::unique_ptr<RocksDbStore> engine_;
  const std::unique_ptr<RequestLog> requests_;
  BackboneStore backbones_;
  ModelStore models_;
  BackboneServiceImpl backbone_service_;
  ModelServiceImpl model_service_;
  const Peers* const peers_;
  std::unique_ptr<CheckpointPruner> pruner_;  // from Start on
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewRegistryService(
    const ServiceContext& context) {
  ASSIGN_OR_RETURN(std::unique_ptr<RocksDbStore> engine,
                   RocksDbStore::Open(context.data_dir + "/registry"));
  ASSIGN_OR_RETURN(std::unique_ptr<RequestLog> requests,
                   RequestLog::Open(*engine));
  return std::make_unique<RegistryService>(std::move(engine),
                                           std::move(requests), context);
}

}  // namespace nevus
