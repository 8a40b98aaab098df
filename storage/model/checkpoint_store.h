// Keeps what the training tasks of a job have so far, one value a task, until
// the job's model is registered: the store between training and models. Takes a
// training's bytes for bytes.
#ifndef NEVUS_STORAGE_MODEL_CHECKPOINT_STORE_H_
#define NEVUS_STORAGE_MODEL_CHECKPOINT_STORE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// The contract's limit on one checkpoint (model.proto): a message holds it with
// room to spare.
constexpr size_t kMaxCheckpointBytes = size_t{48} << 20;

// The part of the ModelStore that knows checkpoints; its writers' lock is held
// over Write and over what Drop's batch goes into, since both rest on the
// fence. Readers wait for nobody.
class CheckpointStore {
 public:
  // `store` must outlive this.
  explicit CheckpointStore(KeyValueStore& store) : store_(store) {}

  // Keeps `checkpoint` in place of what the lease's task kept before, synced.
  // After the job's model was registered it keeps nothing and is OK: nobody
  // would drop it.
  // Errors: INVALID_ARGUMENT: nothing in it (CHECKPOINT_EMPTY), over the limit
  // (CHECKPOINT_TOO_LARGE), LEASE_INVALID; ABORTED: FENCING_TOKEN_STALE.
  absl::Status Write(const v1::Checkpoint& checkpoint, const v1::Lease& lease);

  // Errors: NOT_FOUND (CHECKPOINT_NOT_FOUND); DATA_LOSS naming the key.
  absl::StatusOr<v1::Checkpoint> Read(const std::string& job, int task) const;

  // Ids of the jobs that have any, each once, in order.
  absl::StatusOr<std::vector<std::string>> Jobs() const;

  // Adds to `batch` what removes the checkpoints of all tasks of `job`.
  absl::Status Drop(const std::string& job, std::vector<Mutation>& batch) const;

 private:
  KeyValueStore& store_;
};

// Under it is what a task registered, "melanoma@1" as text.
std::string RegisteredKey(const v1::Lease& lease);

}  // namespace nevus

#endif  // NEVUS_STORAGE_MODEL_CHECKPOINT_STORE_H_
