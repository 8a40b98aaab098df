#include "services/testing/fake_models.h"

#include "absl/strings/str_cat.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "storage/model/model_digest.h"

namespace nevus {
namespace {

grpc::Status NotFound(const std::string& what) {
  return ToGrpc(absl::NotFoundError(absl::StrCat("no ", what, " here")));
}

}  // namespace

grpc::Status FakeModels::RegisterModel(grpc::ServerContext*,
                                       const v1::RegisterModelRequest* request,
                                       v1::Model* response) {
  MutexLock lock(mutex_);
  const TaskId task = {request->lease().job(), request->lease().task()};
  if (const auto before = registered_.find(task); before != registered_.end()) {
    *response = models_.at(before->second);
    return grpc::Status::OK;
  }
  v1::Model model = request->model();
  model.set_version(models_.size() + 1);
  model.set_digest(ModelDigest(model));
  models_[model.version()] = model;
  *response = model;
  if (!request->has_lease()) return grpc::Status::OK;
  registered_[task] = model.version();
  for (auto kept = checkpoints_.begin(); kept != checkpoints_.end();) {
    kept = kept->first.first == task.first ? checkpoints_.erase(kept) : ++kept;
  }
  return grpc::Status::OK;
}

grpc::Status FakeModels::GetModel(grpc::ServerContext*,
                                  const v1::GetModelRequest* request,
                                  v1::Model* response) {
  MutexLock lock(mutex_);
  int64_t version = request->version();
  for (const v1::Alias& alias : aliases_) {
    if (alias.model() == request->name() && alias.alias() == request->alias()) {
      version = alias.version();
    }
  }
  const auto model = models_.find(version);
  if (model == models_.end() || model->second.name() != request->name()) {
    return NotFound("model");
  }
  *response = model->second;
  return grpc::Status::OK;
}

grpc::Status FakeModels::ListModels(grpc::ServerContext*,
                                    const v1::ListModelsRequest* request,
                                    v1::ListModelsResponse* response) {
  MutexLock lock(mutex_);
  for (const auto& [version, model] : models_) {
    if (!request->name().empty() && model.name() != request->name()) continue;
    v1::Model& listed = *response->add_models();
    listed = model;
    listed.clear_head();
  }
  return grpc::Status::OK;
}

grpc::Status FakeModels::ListAliases(grpc::ServerContext*,
                                     const v1::ListAliasesRequest* request,
                                     v1::ListAliasesResponse* response) {
  MutexLock lock(mutex_);
  if (!alias_error_.ok()) return ToGrpc(alias_error_);
  for (const v1::Alias& alias : aliases_) {
    if (alias.model() == request->model()) *response->add_aliases() = alias;
  }
  return grpc::Status::OK;
}

grpc::Status FakeModels::RecordEvaluation(
    grpc::ServerContext*, const v1::RecordEvaluationRequest* request,
    v1::Evaluation* response) {
  MutexLock lock(mutex_);
  evaluations_.push_back(request->evaluation());
  reports_.push_back(request->report_html());
  *response = request->evaluation();
  return grpc::Status::OK;
}

grpc::Status FakeModels::GetEvaluation(grpc::ServerContext*,
                                       const v1::GetEvaluationRequest* request,
                                       v1::Evaluation* response) {
  MutexLock lock(mutex_);
  for (const v1::Evaluation& evaluation : evaluations_) {
    if (evaluation.model_version() == request->model_version() &&
        evaluation.split() == request->split()) {
      *response = evaluation;
      return grpc::Status::OK;
    }
  }
  return NotFound("evaluation");
}

grpc::Status FakeModels::WriteCheckpoint(
    grpc::ServerContext*, const v1::WriteCheckpointRequest* request,
    v1::WriteCheckpointResponse*) {
  MutexLock lock(mutex_);
  if (!write_error_.ok()) return ToGrpc(write_error_);
  const v1::Lease& lease = request->lease();
  Kept& kept = checkpoints_[{lease.job(), lease.task()}];
  if (lease.fencing_token() < kept.token) {
    return ToGrpc(
        WithReason(absl::AbortedError("a stale token"), "FENCING_TOKEN_STALE"));
  }
  kept = {request->checkpoint(), lease.fencing_token()};
  return grpc::Status::OK;
}

grpc::Status FakeModels::ReadCheckpoint(
    grpc::ServerContext*, const v1::ReadCheckpointRequest* request,
    v1::Checkpoint* response) {
  MutexLock lock(mutex_);
  if (!read_error_.ok()) return ToGrpc(read_error_);
  const auto kept = checkpoints_.find({request->job(), request->task()});
  if (kept == checkpoints_.end()) return NotFound("checkpoint");
  *response = kept->second.checkpoint;
  return grpc::Status::OK;
}

void FakeModels::Change(int64_t version,
                        const std::function<void(v1::Model&)>& change) {
  MutexLock lock(mutex_);
  change(models_.at(version));
}

void FakeModels::SetAlias(const v1::Alias& alias) {
  MutexLock lock(mutex_);
  for (v1::Alias& known : aliases_) {
    if (known.model() == alias.model() && known.alias() == alias.alias()) {
      known = alias;
      return;
    }
  }
  aliases_.push_back(alias);
}

void FakeModels::FailAliases(const absl::Status& error) {
  MutexLock lock(mutex_);
  alias_error_ = error;
}

void FakeModels::FailCheckpointWrites(const absl::Status& error) {
  MutexLock lock(mutex_);
  write_error_ = error;
}

void FakeModels::FailCheckpointReads(const absl::Status& error) {
  MutexLock lock(mutex_);
  read_error_ = error;
}

void FakeModels::ChangeCheckpoint(
    const std::string& job, int task,
    const std::function<void(v1::Checkpoint&)>& change) {
  MutexLock lock(mutex_);
  change(checkpoints_[{job, task}].checkpoint);
}

std::vector<v1::Evaluation> FakeModels::evaluations() const {
  MutexLock lock(mutex_);
  return evaluations_;
}

std::vector<std::string> FakeModels::reports() const {
  MutexLock lock(mutex_);
  return reports_;
}

size_t FakeModels::checkpoints() const {
  MutexLock lock(mutex_);
  return checkpoints_.size();
}

}  // namespace nevus
