// The models that are loaded, and the thread that loads and unloads them.
//
// Which one is next is the policy's to say (core/version_policy.h): the wanted
// set is made anew each time from the aliases that were asked for, as the
// registry points them, and the versions that were asked for by number. This is
// the shell: it asks the registry, keeps the states, waits and wakes.
//
// An alias is looked up when a call arrives, so a promotion counts from the
// next call on. If what it points at is not READY, what answered for it before
// answers on; a version that fails its golden answers never gets its turn.
#ifndef NEVUS_SERVICES_SERVING_MODEL_SET_H_
#define NEVUS_SERVICES_SERVING_MODEL_SET_H_

#include <grpcpp/server_context.h>

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/alias.pb.h"
#include "services/runtime/peer_caller.h"
#include "services/runtime/peers.h"
#include "services/serving/batcher.h"
#include "services/serving/core/version_policy.h"
#include "services/serving/serving_model.h"

namespace nevus {

// A model as a caller names it: exactly one of version and alias.
struct ModelReference {
  std::string model;
  int64_t version = 0;
  std::string alias;
};

// What answers a call, and who else is to see it.
struct ChosenModel {
  std::shared_ptr<ServingModel> model;
  bool is_candidate = false;   // that is tried under the alias (a canary)
  int64_t shadow_version = 0;  // that is to see a copy; 0: none
};

struct ModelSetOptions {
  int threads = 1;  // cores of a network
  // What loaded models may take before those without an alias leave. Four VGG16
  // with their transformed weights, and some.
  int64_t limit_bytes = int64_t{2} << 30;
  std::string device = {};  // the GPU, "cuda:N"; "": none
};

// A version and how it stands.
struct LoadedVersion {
  VersionId id;
  VersionState state = VersionState::kLoading;
  absl::Status error;                   // of a failed one
  std::shared_ptr<ServingModel> model;  // of a ready one
};

// Thread-safe. Start once, then Stop, before destruction.
class ModelSet {
 public:
  // All three must outlive this.
  ModelSet(const Peers& peers, const Clock& clock, Batcher& batcher,
           const ModelSetOptions& options)
      : peers_(peers), clock_(clock), batcher_(batcher), options_(options) {}
  ~ModelSet();
  ModelSet(const ModelSet&) = delete;
  ModelSet& operator=(const ModelSet&) = delete;

  void Start();
  // Ends the thread and all waits. Before Batcher::Stop or after.
  void Stop();

  // The model that answers for `reference` now, loading it first if none does.
  // Shared, because it may be unloaded while it answers. Without the registry
  // an alias stands where it stood.
  //
  // Errors: INVALID_ARGUMENT: not exactly one of version and alias; NOT_FOUND;
  // those of LoadServingModel and ReproduceGolden; CANCELLED,
  // DEADLINE_EXCEEDED: the call ended before; UNAVAILABLE: stopped (DRAINING).
  absl::StatusOr<std::shared_ptr<ServingModel>> Get(
      const ModelReference& reference, const grpc::ServerContext& call);
  // The same, with the candidate that may be tried under the alias: which calls
  // it gets, `key` decides (candidate.h). It gets none before it is READY, and
  // none that it cannot answer: the alias's own version does.
  absl::StatusOr<ChosenModel> Choose(
      const ModelReference& reference, const std::string& key,
      const std::function<bool(const ServingModel&)>& can_answer,
      const grpc::ServerContext& call);
  // The version, if it is READY, else nullptr. Loads nothing.
  std::shared_ptr<ServingModel> FindLoaded(const VersionId& id) const;
  // As Get without a wait: nullptr if it is not READY, and then it is being
  // loaded.
  absl::StatusOr<std::shared_ptr<ServingModel>> Peek(
      const ModelReference& reference, const grpc::ServerContext& call);

  // In order of name and version.
  std::vector<LoadedVersion> Loaded() const;

 private:
  using AliasKey = std::pair<std::string, std::string>;  // model, alias
  struct Alias {
    int64_t wanted = 0;
    int64_t answering = 0;
    v1::Alias registered;  // without its history
  };
  struct Version {
    VersionState state = VersionState::kLoading;
    std::shared_ptr<ServingModel> model;  // kReady
    absl::Status error;                   // kFailed
    int64_t space_bytes = 0;
    uint64_t failed_ask = 0;  // the newest ask when it failed
    absl::Time failed_at;
    int failures = 0;
  };
  struct Kept {
    VersionId id;
    int waiters = 0;     // calls that wait for it
    bool asked = false;  // by a call that does not wait; until it was tried
  };

  // What a reference stands for at the moment of the call.
  struct Resolved {
    VersionId id;
    v1::Alias alias;  // of one by alias
  };
  absl::StatusOr<Resolved> Resolve(const ModelReference& reference,
                                   const grpc::ServerContext& call);
  absl::StatusOr<v1::Alias> LookUp(const ModelReference& reference,
                                   const grpc::ServerContext& call);
  absl::StatusOr<std::shared_ptr<ServingModel>> GetResolved(
      const ModelReference& reference, const VersionId& id, bool wait,
      const grpc::ServerContext& call);

  void Work();
  // Takes what the registry says of an alias.
  void Point(const AliasKey& key, v1::Alias registered)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks the registry where the aliases point.
  void Refresh();
  void Load(const VersionId& id);
  // Lets models go that nobody uses any more, and their memory with them.
  bool LetGo();

  ServingSnapshot Snapshot() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Kept& Keep(const VersionId& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Aliases that want a READY version answer with it from now on.
  void MoveAliases() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<ServingModel> FindReady(const VersionId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // By the digest of their space.
  using Extractors = std::map<std::string, std::shared_ptr<FeatureExtractor>>;
  Extractors ReadyExtractors() const;

  const Peers& peers_;
  const Clock& clock_;
  Batcher& batcher_;
  const ModelSetOptions options_;
  mutable Mutex mutex_;
  CondVar changed_;  // for callers
  CondVar wanted_;   // for the thread
  std::map<AliasKey, Alias> aliases_ ABSL_GUARDED_BY(mutex_);
  std::list<Kept> kept_ ABSL_GUARDED_BY(mutex_);  // last used first
  std::map<VersionId, Version> versions_ ABSL_GUARDED_BY(mutex_);
  std::map<VersionId, uint64_t> asked_ ABSL_GUARDED_BY(mutex_);  // newest ask
  uint64_t asks_ ABSL_GUARDED_BY(mutex_) = 0;
  // What was loaded last because a call asked for it, and no alias has.
  VersionId prepared_ ABSL_GUARDED_BY(mutex_);
  absl::Time prepared_until_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<ServingModel>> leaving_;  // the thread's own
  PeerCalls calls_;                                     // the thread's
  std::thread thread_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_MODEL_SET_H_
