// Keeps models: their versions, the aliases that point at them, what
// evaluations found, and what trainings have so far (checkpoint_store.h). The
// last store before prediction. Takes a head for
// numbers: whether they agree is checked before.
#ifndef NEVUS_STORAGE_MODEL_MODEL_STORE_H_
#define NEVUS_STORAGE_MODEL_MODEL_STORE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.pb.h"
#include "protos/nevus/v1/model.pb.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/request_log.h"
#include "storage/model/checkpoint_store.h"

namespace nevus {

// Who moves an alias, and why.
struct MoveNote {
  std::string actor;
  std::string reason;
};

// Thread-safe. Writers wait for each other, over their disk writes too: what
// they decide rests on what is stored. Readers wait for nobody.
//
// Errors of all: NOT_FOUND (MODEL_NOT_FOUND, ALIAS_NOT_FOUND,
// EVALUATION_NOT_FOUND); DATA_LOSS. With a lease: LEASE_INVALID,
// FENCING_TOKEN_STALE, as fence.h. What takes a RequestEntry writes the rpc's
// answer there, with the change.
class ModelStore {
 public:
  // `store` must outlive this.
  explicit ModelStore(KeyValueStore& store)
      : store_(store), checkpoints_(store) {}

  // Stores the next version of `model`, synced, and returns it with its
  // output-only fields. A lease's task registers once: after that it gets the
  // version that is there. The same batch drops the checkpoints of its job. The
  // answer in `entry` is without the head, which is read again: thousands of
  // them would be more than the models.
  absl::StatusOr<v1::Model> Register(v1::Model model,
                                     const std::optional<v1::Lease>& lease,
                                     absl::Time now,
                                     const RequestEntry& entry = {});
  absl::StatusOr<v1::Model> Get(const std::string& name, int64_t version) const;
  absl::StatusOr<v1::Model> GetByAlias(const std::string& name,
                                       const std::string& alias) const;

  // A place in the list of models.
  struct Position {
    std::string name;
    int64_t version = 0;
  };
  // The first `limit` models of `name` ("": of all) after `start_after`,
  // without heads and baselines, in order of name and version.
  absl::StatusOr<std::vector<v1::Model>> List(
      const std::string& name, const std::optional<Position>& start_after,
      int limit) const;
  // True if a model reads a feature space of this backbone.
  absl::StatusOr<bool> UsesBackbone(const std::string& backbone_digest) const;

  // Points `alias` at `version`. If it does already, nothing changes. Any move
  // ends the trial of a candidate.
  // ABORTED: `etag` is not "" and not the alias's (ALIAS_ETAG_STALE).
  absl::StatusOr<v1::Alias> Promote(const std::string& model, int64_t version,
                                    const std::string& alias,
                                    const std::string& etag, absl::Time now,
                                    const RequestEntry& entry = {},
                                    const MoveNote& note = {});
  // Points `alias` back at where it pointed before; again, one further back.
  // FAILED_PRECONDITION: there is no earlier version (NO_HISTORY). ABORTED: as
  // above.
  absl::StatusOr<v1::Alias> Rollback(const std::string& model,
                                     const std::string& alias, absl::Time now,
                                     const RequestEntry& entry = {},
                                     const MoveNote& note = {},
                                     const std::string& etag = "");
  // Puts a version beside an alias, or none; the share is checked before.
  // INVALID_ARGUMENT: it is the alias's own (CANDIDATE_INVALID). ABORTED: as
  // above.
  absl::StatusOr<v1::Alias> SetCandidate(const v1::SetCandidateRequest& request,
                                         const RequestEntry& entry = {});
  // Of `model` ("": of all), in order of model and alias.
  absl::StatusOr<std::vector<v1::Alias>> ListAliases(
      const std::string& model) const;

  // Stores an evaluation with its report, synced; it replaces an older one of
  // the same model and dataset versions and split. Once for a lease's task.
  absl::StatusOr<v1::Evaluation> Record(v1::Evaluation evaluation,
                                        const std::string& report_html,
                                        const v1::Lease& lease, absl::Time now);
  absl::StatusOr<v1::Evaluation> GetEvaluation(
      const v1::GetEvaluationRequest& which) const;
  absl::StatusOr<std::string> GetReport(
      const v1::GetEvaluationRequest& which) const;

  // CheckpointStore's Write and Read.
  absl::Status WriteCheckpoint(const v1::Checkpoint& checkpoint,
                               const v1::Lease& lease);
  absl::StatusOr<v1::Checkpoint> ReadCheckpoint(const std::string& job,
                                                int task) const;
  // CheckpointStore's Jobs and Drop.
  absl::StatusOr<std::vector<std::string>> JobsWithCheckpoints() const;
  absl::Status DropCheckpoints(const std::string& job);

 private:
  absl::StatusOr<int64_t> NewestVersion(const std::string& name) const;
  absl::StatusOr<v1::Alias> GetAlias(const std::string& model,
                                     const std::string& alias) const;
  absl::StatusOr<v1::Alias> Move(v1::Alias alias, v1::AliasMove move,
                                 absl::Time now, const RequestEntry& entry);

  KeyValueStore& store_;
  CheckpointStore checkpoints_;
  Mutex writers_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_MODEL_MODEL_STORE_H_
