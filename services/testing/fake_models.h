// The registry's ModelService in memory: what fake_platform.h hosts of it.
// Knows no fence but that of checkpoints, and checks no model.
#ifndef NEVUS_SERVICES_TESTING_FAKE_MODELS_H_
#define NEVUS_SERVICES_TESTING_FAKE_MODELS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "protos/nevus/v1/model.grpc.pb.h"

namespace nevus {

// Versions count over all models together. Thread-safe.
class FakeModels final : public v1::ModelService::Service {
 public:
  grpc::Status RegisterModel(grpc::ServerContext* context,
                             const v1::RegisterModelRequest* request,
                             v1::Model* response) override;
  grpc::Status GetModel(grpc::ServerContext* context,
                        const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status ListModels(grpc::ServerContext* context,
                          const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status ListAliases(grpc::ServerContext* context,
                           const v1::ListAliasesRequest* request,
                           v1::ListAliasesResponse* response) override;
  grpc::Status RecordEvaluation(grpc::ServerContext* context,
                                const v1::RecordEvaluationRequest* request,
                                v1::Evaluation* response) override;
  grpc::Status GetEvaluation(grpc::ServerContext* context,
                             const v1::GetEvaluationRequest* request,
                             v1::Evaluation* response) override;
  grpc::Status WriteCheckpoint(grpc::ServerContext* context,
                               const v1::WriteCheckpointRequest* request,
                               v1::WriteCheckpointResponse* response) override;
  grpc::Status ReadCheckpoint(grpc::ServerContext* context,
                              const v1::ReadCheckpointRequest* request,
                              v1::Checkpoint* response) override;

  void Change(int64_t version, const std::function<void(v1::Model&)>& change);
  void SetAlias(const v1::Alias& alias);
  // The answer to questions about aliases from now on; OK: as before.
  void FailAliases(const absl::Status& error);
  // The answer to checkpoints that are written, or read, from now on; OK: as
  // before.
  void FailCheckpointWrites(const absl::Status& error);
  void FailCheckpointReads(const absl::Status& error);
  // Changes what a task has; makes one if it has none.
  void ChangeCheckpoint(const std::string& job, int task,
                        const std::function<void(v1::Checkpoint&)>& change);

  std::vector<v1::Evaluation> evaluations() const;
  std::vector<std::string> reports() const;
  // How many checkpoints are kept.
  size_t checkpoints() const;

 private:
  using TaskId = std::pair<std::string, int>;
  struct Kept {
    v1::Checkpoint checkpoint;
    int64_t token = 0;
  };

  mutable Mutex mutex_;
  std::map<int64_t, v1::Model> models_ ABSL_GUARDED_BY(mutex_);
  std::map<TaskId, int64_t> registered_ ABSL_GUARDED_BY(mutex_);
  std::map<TaskId, Kept> checkpoints_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_error_ ABSL_GUARDED_BY(mutex_);
  absl::Status alias_error_ ABSL_GUARDED_BY(mutex_);
  absl::Status read_error_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Alias> aliases_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Evaluation> evaluations_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> reports_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_FAKE_MODELS_H_
