// What one attempt at a training task keeps in the registry, and what it finds
// there of the attempts before it. Knows no training: the bytes are
// compute/classifier/train.h's.
#ifndef NEVUS_SERVICES_TRAINING_TASK_CHECKPOINTS_H_
#define NEVUS_SERVICES_TRAINING_TASK_CHECKPOINTS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "protos/nevus/v1/model.pb.h"
#include "services/runtime/peers.h"
#include "services/worker/task_handler.h"

namespace nevus {

// How often a checkpoint is written: when both have passed since the last one,
// or since the attempt began. So one costs little beside the epochs it saves.
struct CheckpointPace {
  int epochs = 10;
  double seconds = 2;

  bool IsDue(int epochs_passed, double seconds_passed) const {
    return epochs_passed >= epochs && seconds_passed >= seconds;
  }
};

// Thread-compatible.
class TaskCheckpoints {
 public:
  // Both must outlive this.
  TaskCheckpoints(const Peers& peers, TaskContext& context)
      : peers_(peers), context_(context) {}

  // What the task has so far; empty if it has nothing, or nothing whole, which
  // the task's log then says: a training can begin anew. Errors: the
  // registry's, but for those two.
  absl::StatusOr<v1::Checkpoint> Read();

  // Keeps a sweep's candidate.
  absl::Status WriteCandidate(v1::Model candidate);

  // Keeps a training's bytes, or says in the task's log why not: a registry
  // that is away costs a checkpoint and not the training; one too large is not
  // tried again. An error means that the attempt has to end: the lease is lost,
  // the disk full.
  absl::Status WriteTraining(const std::function<std::string()>& bytes);

 private:
  absl::Status Write(v1::Checkpoint checkpoint);

  const Peers& peers_;
  TaskContext& context_;
  bool is_too_large_ = false;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_TASK_CHECKPOINTS_H_
