#include "storage/model/checkpoint_store.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/fence.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

// v1::Checkpoint of a task.
std::string CheckpointKey(const std::string& task_key) {
  return Key({"checkpoint", task_key});
}

// Empty: the task has a checkpoint. Found without reading megabytes.
std::string KeptKey(const std::string& task_key) {
  return Key({"kept", task_key});
}

// True if a task of `job` has registered its model.
absl::StatusOr<bool> HasRegistered(const KeyValueStore& store,
                                   const std::string& job) {
  bool found = false;
  RETURN_IF_ERROR(store.Scan(Key({"registered", job, ""}), "",
                             [&](std::string_view, std::string_view) {
                               found = true;
                               return false;
                             }));
  return found;
}

}  // namespace

std::string RegisteredKey(const v1::Lease& lease) {
  return Key({"registered", TaskKey(lease)});
}

absl::Status CheckpointStore::Write(const v1::Checkpoint& checkpoint,
                                    const v1::Lease& lease) {
  if (checkpoint.state_case() == v1::Checkpoint::STATE_NOT_SET) {
    return WithReason(
        absl::InvalidArgumentError(
            "the checkpoint holds neither a training's state nor a candidate; "
            "send one of them"),
        "CHECKPOINT_EMPTY");
  }
  const size_t bytes = checkpoint.ByteSizeLong();
  if (bytes > kMaxCheckpointBytes) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "the checkpoint has ", bytes, " bytes; the most is ",
                          kMaxCheckpointBytes,
                          ". Train without one, or a head with fewer units")),
                      "CHECKPOINT_TOO_LARGE");
  }
  std::vector<Mutation> batch;
  RETURN_IF_ERROR(CheckFence(store_, lease, batch));
  ASSIGN_OR_RETURN(const bool is_over, HasRegistered(store_, lease.job()));
  if (is_over) return absl::OkStatus();
  batch.push_back(PutRecord(CheckpointKey(TaskKey(lease)), checkpoint));
  batch.push_back({KeptKey(TaskKey(lease)), ""});
  return store_.Apply(std::move(batch));
}

absl::StatusOr<v1::Checkpoint> CheckpointStore::Read(const std::string& job,
                                                     int task) const {
  v1::Lease which;
  which.set_job(job);
  which.set_task(task);
  absl::StatusOr<v1::Checkpoint> found =
      CheckName("job", job).ok()
          ? GetRecord<v1::Checkpoint>(store_, CheckpointKey(TaskKey(which)))
          : absl::NotFoundError("no name of a job");
  if (absl::IsNotFound(found.status())) {
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "task ", task, " of job ", Quoted(job),
            " has no checkpoint: it wrote none, or the job's model is "
            "registered; start from the beginning")),
        "CHECKPOINT_NOT_FOUND");
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> CheckpointStore::Jobs() const {
  std::vector<std::string> jobs;
  RETURN_IF_ERROR(store_.Scan(
      Key({"kept", ""}), "", [&](std::string_view key, std::string_view) {
        const std::string task_key = KeyTail(key, 1);
        std::string job = task_key.substr(0, task_key.find('!'));
        if (jobs.empty() || jobs.back() != job) jobs.push_back(std::move(job));
        return true;
      }));
  return jobs;
}

absl::Status CheckpointStore::Drop(const std::string& job,
                                   std::vector<Mutation>& batch) const {
  return store_.Scan(
      Key({"kept", job, ""}), "", [&](std::string_view key, std::string_view) {
        batch.push_back(DeleteKey(std::string(key)));
        batch.push_back(DeleteKey(CheckpointKey(KeyTail(key, 1))));
        return true;
      });
}

}  // namespace nevus
