// Checkpoints outlive their job when it is pruned without a model: nobody will
// ask for them again, and nobody tells the registry. So the registry asks the
// scheduler which jobs are gone (ADR 13). Knows no checkpoint's content.
#ifndef NEVUS_SERVICES_REGISTRY_CHECKPOINT_PRUNER_H_
#define NEVUS_SERVICES_REGISTRY_CHECKPOINT_PRUNER_H_

#include <thread>

#include "absl/status/status.h"
#include "base/clock.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "storage/model/model_store.h"

namespace nevus {

// Drops the checkpoints of every job that the scheduler does not know
// (JOB_NOT_FOUND); a job that it will know again, there is none: ids are drawn.
// Any other answer leaves them and ends the round with that error.
absl::Status DropForgottenCheckpoints(ModelStore& models, const Peers& peers,
                                      PeerCaller caller);

// Does so when it starts and every hour; after a round that failed, such as for
// a scheduler that is not up yet, in a minute.
class CheckpointPruner {
 public:
  // Both must outlive this.
  CheckpointPruner(ModelStore& models, const Peers& peers)
      : models_(models), peers_(peers) {}
  ~CheckpointPruner() { Stop(); }
  CheckpointPruner(const CheckpointPruner&) = delete;
  CheckpointPruner& operator=(const CheckpointPruner&) = delete;

  void Start();
  // Ends a call that waits.
  void Stop();

 private:
  ModelStore& models_;
  const Peers& peers_;
  StopSignal stop_;
  PeerCalls calls_;
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_REGISTRY_CHECKPOINT_PRUNER_H_
