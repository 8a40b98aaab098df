#include "services/serving/model_set.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/serving/candidate.h"

namespace nevus {
namespace {

// Versions at hand without an alias: the last one, the next one, and two more.
constexpr size_t kMostKept = 4;
// How often the registry is asked where aliases point, for those that nobody
// asks for meanwhile.
constexpr absl::Duration kRefresh = absl::Seconds(2);
// How often a call that waits looks whether it still has to.
constexpr absl::Duration kLook = absl::Milliseconds(50);
// How soon a model that is still in use is looked at again.
constexpr absl::Duration kLetGoDelay = absl::Milliseconds(20);
// Before a version that failed, and that an alias wants, is tried again.
constexpr absl::Duration kFirstRetry = absl::Seconds(10);
constexpr absl::Duration kLastRetry = absl::Minutes(5);
// From the check of a promotion to the promotion, beyond the memory limit too.
constexpr absl::Duration kPrepared = absl::Seconds(30);
// Who loads gets 3 % of a core that those who answer want: it still ends.
constexpr int kLoaderNiceness = 15;

absl::Status Draining() {
  return WithReason(absl::UnavailableError(
                        "the server is stopping and loads no models. Retry: "
                        "another replica, or this one after its restart, will "
                        "answer"),
                    "DRAINING");
}

// Memory of this process, in bytes; 0 if the kernel does not say.
int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

absl::Duration RetryDelay(int failures) {
  return std::min(kFirstRetry * (int64_t{1} << std::min(failures, 8)),
                  kLastRetry);
}

std::string ToText(const VersionId& id) {
  return absl::StrCat(id.model, "@", id.version);
}

}  // namespace

ModelSet::~ModelSet() { Stop(); }

void ModelSet::Start() {
  thread_ = std::thread([this] { Work(); });
}

void ModelSet::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
    wanted_.NotifyAll();
  }
  calls_.Cancel();
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::shared_ptr<ServingModel>> ModelSet::Get(
    const ModelReference& reference, const grpc::ServerContext& call) {
  ASSIGN_OR_RETURN(const Resolved resolved, Resolve(reference, call));
  return GetResolved(reference, resolved.id, /*wait=*/true, call);
}

absl::StatusOr<std::shared_ptr<ServingModel>> ModelSet::Peek(
    const ModelReference& reference, const grpc::ServerContext& call) {
  ASSIGN_OR_RETURN(const Resolved resolved, Resolve(reference, call));
  return GetResolved(reference, resolved.id, /*wait=*/false, call);
}

absl::StatusOr<ChosenModel> ModelSet::Choose(
    const ModelReference& reference, const std::string& key,
    const std::function<bool(const ServingModel&)>& can_answer,
    const grpc::ServerContext& call) {
  ASSIGN_OR_RETURN(const Resolved resolved, Resolve(reference, call));
  // By what this call looked up: another's may be older.
  const VersionChoice choice = ChooseVersion(resolved.alias, key);
  if (choice.is_candidate) {
    std::shared_ptr<ServingModel> candidate =
        FindLoaded({reference.model, choice.version});
    if (candidate == nullptr) {
      MutexLock lock(mutex_);
      wanted_.NotifyOne();
    } else if (can_answer(*candidate)) {
      return ChosenModel{std::move(candidate), true, 0};
    }
  }
  ASSIGN_OR_RETURN(std::shared_ptr<ServingModel> model,
                   GetResolved(reference, resolved.id, /*wait=*/true, call));
  return ChosenModel{std::move(model), false, choice.shadow_version};
}

std::shared_ptr<ServingModel> ModelSet::FindLoaded(const VersionId& id) const {
  MutexLock lock(mutex_);
  return FindReady(id);
}

absl::StatusOr<ModelSet::Resolved> ModelSet::Resolve(
    const ModelReference& reference, const grpc::ServerContext& call) {
  RETURN_IF_ERROR(CheckName("model", reference.model));
  if (reference.version < 0 ||
      (reference.version == 0) == reference.alias.empty()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "version ", reference.version, " and alias ",
            Quoted(reference.alias), " of model ", reference.model,
            " were given; exactly one is needed. Name a version such as 1, or "
            "an alias such as production")),
        "MODEL_REFERENCE_INVALID");
  }
  if (reference.version > 0) {
    return Resolved{{reference.model, reference.version}, {}};
  }
  absl::StatusOr<v1::Alias> alias = LookUp(reference, call);
  MutexLock lock(mutex_);
  const AliasKey key = {reference.model, reference.alias};
  if (alias.ok()) {
    Point(key, *alias);
    const int64_t version = alias->version();
    return Resolved{{reference.model, version}, *std::move(alias)};
  }
  const auto known = aliases_.find(key);
  if (absl::IsUnavailable(alias.status()) && known != aliases_.end()) {
    // The registry is away: a reason to promote nothing, not to answer nothing.
    return Resolved{{reference.model, known->second.wanted},
                    known->second.registered};
  }
  return alias.status();
}

void ModelSet::Point(const AliasKey& key, v1::Alias registered) {
  registered.clear_history();
  Alias& alias = aliases_[key];
  alias.wanted = registered.version();
  alias.registered = std::move(registered);
}

absl::StatusOr<v1::Alias> ModelSet::LookUp(const ModelReference& reference,
                                           const grpc::ServerContext& call) {
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  v1::ListAliasesRequest list;
  list.set_model(reference.model);
  ASSIGN_OR_RETURN(
      const v1::ListAliasesResponse aliases,
      CallPeer(*registry, &v1::ModelService::Stub::ListAliases, list, &call));
  for (const v1::Alias& alias : aliases.aliases()) {
    if (alias.alias() == reference.alias) return alias;
  }
  // The registry says best what is missing.
  v1::GetModelRequest get;
  get.set_name(reference.model);
  get.set_alias(reference.alias);
  ASSIGN_OR_RETURN(
      const v1::Model model,
      CallPeer(*registry, &v1::ModelService::Stub::GetModel, get, &call));
  v1::Alias alias;
  alias.set_model(reference.model);
  alias.set_alias(reference.alias);
  alias.set_version(model.version());
  return alias;
}

absl::StatusOr<std::shared_ptr<ServingModel>> ModelSet::GetResolved(
    const ModelReference& reference, const VersionId& id, bool wait,
    const grpc::ServerContext& call) {
  const absl::Time deadline = absl::FromChrono(call.deadline());
  const bool by_alias = !reference.alias.empty();
  MutexLock lock(mutex_);
  if (by_alias) {
    if (std::shared_ptr<ServingModel> ready = FindReady(id)) {
      MoveAliases();
      return ready;
    }
    const auto alias = aliases_.find({reference.model, reference.alias});
    if (alias != aliases_.end() && alias->second.answering != 0) {
      wanted_.NotifyOne();
      return FindReady({id.model, alias->second.answering});
    }
  } else {
    Keep(id);
    if (std::shared_ptr<ServingModel> ready = FindReady(id)) return ready;
  }
  // A failure from before does not count: the reason may be gone.
  const auto failed = versions_.find(id);
  const bool had_failed = failed != versions_.end() &&
                          failed->second.state == VersionState::kFailed;
  if (!wait && had_failed) return failed->second.error;
  const uint64_t ask = ++asks_;
  asked_[id] = ask;
  wanted_.NotifyOne();
  if (!wait) {
    Keep(id).asked = true;
    return std::shared_ptr<ServingModel>();
  }
  ++Keep(id).waiters;
  absl::StatusOr<std::shared_ptr<ServingModel>> result = Draining();
  while (!stopped_) {
    if (std::shared_ptr<ServingModel> ready = FindReady(id)) {
      result = std::move(ready);
      break;
    }
    const auto version = versions_.find(id);
    if (version != versions_.end() &&
        version->second.state == VersionState::kFailed &&
        version->second.failed_ask >= ask) {
      result = version->second.error;
      break;
    }
    if (call.IsCancelled() || clock_.Now() >= deadline) {
      result = absl::DeadlineExceededError(absl::StrCat(
          "the call ended while ", ToText(id),
          " was being loaded, which goes on. Ask again, with more time"));
      break;
    }
    changed_.WaitFor(mutex_, kLook);
  }
  --Keep(id).waiters;
  return result;
}

std::vector<LoadedVersion> ModelSet::Loaded() const {
  MutexLock lock(mutex_);
  std::vector<LoadedVersion> loaded;
  for (const auto& [id, version] : versions_) {
    loaded.push_back({id, version.state, version.error, version.model});
  }
  return loaded;
}

ModelSet::Kept& ModelSet::Keep(const VersionId& id) {
  const auto found =
      std::find_if(kept_.begin(), kept_.end(),
                   [&](const Kept& kept) { return kept.id == id; });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    return kept_.front();
  }
  kept_.push_front({id});
  // Each kind by itself: versions that do not exist push out none that does.
  size_t ready = 0, others = 0;
  for (auto kept = kept_.begin(); kept != kept_.end();) {
    size_t& count = FindReady(kept->id) != nullptr ? ready : others;
    if (++count > kMostKept && kept->waiters == 0 && !kept->asked) {
      asked_.erase(kept->id);
      kept = kept_.erase(kept);
    } else {
      ++kept;
    }
  }
  return kept_.front();
}

std::shared_ptr<ServingModel> ModelSet::FindReady(const VersionId& id) const {
  const auto found = versions_.find(id);
  if (found == versions_.end()) return nullptr;
  return found->second.state == VersionState::kReady ? found->second.model
                                                     : nullptr;
}

ModelSet::Extractors ModelSet::ReadyExtractors() const {
  MutexLock lock(mutex_);
  Extractors extractors;
  for (const auto& [id, version] : versions_) {
    if (version.model == nullptr) continue;
    const auto& extractor = version.model->extractor();
    extractors[extractor->digest()] = extractor;
  }
  return extractors;
}

void ModelSet::MoveAliases() {
  for (auto& [key, alias] : aliases_) {
    if (alias.wanted == alias.answering ||
        FindReady({key.first, alias.wanted}) == nullptr) {
      continue;
    }
    // To go back to.
    if (alias.answering != 0) Keep({key.first, alias.answering});
    alias.answering = alias.wanted;
    wanted_.NotifyOne();
  }
}

ServingSnapshot ModelSet::Snapshot() const {
  ServingSnapshot now;
  for (const auto& [key, alias] : aliases_) {
    now.aliases.push_back({key.first, alias.wanted, alias.answering});
  }
  // After them: what answers comes before what is tried.
  for (const auto& [key, alias] : aliases_) {
    const int64_t candidate = alias.registered.candidate_version();
    if (candidate != 0) now.aliases.push_back({key.first, candidate, 0});
  }
  for (const Kept& kept : kept_) {
    now.kept.push_back(
        {kept.id, kept.waiters > 0 || kept.asked,
         kept.id == prepared_ && clock_.Now() < prepared_until_});
  }
  for (const auto& [id, version] : versions_) {
    VersionSnapshot snapshot;
    snapshot.id = id;
    snapshot.state = version.state;
    if (version.state == VersionState::kFailed) {
      const auto asked = asked_.find(id);
      snapshot.try_again =
          (asked != asked_.end() && asked->second > version.failed_ask) ||
          clock_.Now() >= version.failed_at + RetryDelay(version.failures - 1);
    } else if (version.state == VersionState::kReady) {
      snapshot.own_bytes = version.model->own_bytes();
      snapshot.space = version.model->extractor()->digest();
      snapshot.space_bytes = version.space_bytes;
    }
    now.versions.push_back(std::move(snapshot));
  }
  return now;
}

void ModelSet::Work() {
  Stopwatch since_refresh;
  while (true) {
    const bool in_use = LetGo();
    VersionAction action;
    {
      MutexLock lock(mutex_);
      if (stopped_) break;
      MoveAliases();
      action = NextAction(Snapshot(), options_.limit_bytes);
      if (action.kind == VersionAction::Kind::kNone) {
        // Whoever has news takes the lock, so none is missed.
        wanted_.WaitFor(mutex_, in_use ? kLetGoDelay : kRefresh);
      } else if (action.kind == VersionAction::Kind::kLoad) {
        versions_[action.id].state = VersionState::kLoading;
      } else {
        const auto version = versions_.find(action.id);
        if (version->second.model != nullptr) {
          leaving_.push_back(std::move(version->second.model));
          Log("model.unloaded").With("model", ToText(action.id));
        }
        versions_.erase(version);
      }
    }
    if (action.kind == VersionAction::Kind::kLoad) Load(action.id);
    if (absl::Seconds(since_refresh.Seconds()) >= kRefresh) {
      Refresh();
      since_refresh = Stopwatch();
    }
  }
  leaving_.clear();
}

void ModelSet::Refresh() {
  std::set<std::string> models;
  {
    MutexLock lock(mutex_);
    for (const auto& [key, alias] : aliases_) models.insert(key.first);
  }
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  for (const std::string& model : models) {
    v1::ListAliasesRequest list;
    list.set_model(model);
    const auto aliases =
        CallPeer(*registry, &v1::ModelService::Stub::ListAliases, list, calls_);
    if (!aliases.ok()) return;
    std::map<std::string, v1::Alias> registered;
    for (const v1::Alias& alias : aliases->aliases()) {
      registered[alias.alias()] = alias;
    }
    MutexLock lock(mutex_);
    for (auto alias = aliases_.begin(); alias != aliases_.end();) {
      const auto now = registered.find(alias->first.second);
      if (alias->first.first != model) {
        ++alias;
      } else if (now == registered.end()) {
        alias = aliases_.erase(alias);
      } else {
        Point(alias->first, now->second);
        ++alias;
      }
    }
  }
}

void ModelSet::Load(const VersionId& id) {
  const Stopwatch watch;
  const int64_t before = ResidentBytes();
  bool shared = true;
  FeatureExtractorOptions extraction;
  extraction.threads = options_.threads;
  extraction.device = options_.device;
  absl::StatusOr<std::shared_ptr<ServingModel>> model;
  absl::Status golden;
  // Nobody else changes what is READY.
  const Extractors ready = ReadyExtractors();
  // On its own: a priority can be lowered only, and this thread takes a lock.
  std::thread loader([&] {
    // Of this thread, on Linux, and of OpenMP's that it starts.
    setpriority(PRIO_PROCESS, 0, kLoaderNiceness);
    model = LoadServingModel(peers_, id.model, id.version, extraction, calls_,
                             [&](const std::string& space) {
                               const auto found = ready.find(space);
                               shared = found != ready.end();
                               return shared ? found->second : nullptr;
                             });
    // The first images of a new network take several times as long.
    if (model.ok() && !shared) golden = ReproduceGolden(*model, nullptr);
  });
  loader.join();
  if (model.ok() && shared) golden = ReproduceGolden(*model, &batcher_);
  if (!golden.ok()) model = golden;
  // As measured: what others took meanwhile blurs it.
  const int64_t grown = std::max<int64_t>(0, ResidentBytes() - before);
  const int64_t taken = shared ? 0 : grown;
  if (model.ok()) {
    Log("model.ready")
        .With("model", ToText(id))
        .With("digest", (*model)->model().digest())
        .With("golden", (*model)->golden().size())
        .With("network_bytes", taken)
        .With("seconds", watch.Seconds());
  } else {
    Log("model.failed")
        .With("model", ToText(id))
        .With("reason", ReasonOf(model.status()))
        .With("message", std::string(model.status().message()));
  }
  MutexLock lock(mutex_);
  Version& version = versions_[id];
  if (model.ok()) {
    version = {};
    version.state = VersionState::kReady;
    version.space_bytes = taken;
    for (const auto& [other, loaded] : versions_) {
      if (shared && loaded.model != nullptr &&
          loaded.model->extractor() == (*model)->extractor()) {
        version.space_bytes = std::max(version.space_bytes, loaded.space_bytes);
      }
    }
    version.model = *std::move(model);
    MoveAliases();
  } else {
    version.state = VersionState::kFailed;
    version.error = model.status();
    version.failed_ask = asks_;
    version.failed_at = clock_.Now();
    ++version.failures;
  }
  const bool has_alias =
      std::any_of(aliases_.begin(), aliases_.end(), [&](const auto& alias) {
        return alias.first.first == id.model &&
               alias.second.wanted == id.version;
      });
  for (Kept& kept : kept_) {
    if (!(kept.id == id)) continue;
    if (version.state == VersionState::kReady && !has_alias &&
        (kept.waiters > 0 || kept.asked)) {
      prepared_ = id;  // one at a time: each is memory beyond the limit
      prepared_until_ = clock_.Now() + kPrepared;
    }
    kept.asked = false;
  }
  changed_.NotifyAll();
}

bool ModelSet::LetGo() {
  const size_t before = leaving_.size();
  leaving_.erase(
      std::remove_if(leaving_.begin(), leaving_.end(),
                     [](const auto& model) { return model.use_count() == 1; }),
      leaving_.end());
  // What the allocator kept for later goes back to the system.
  if (leaving_.size() < before) malloc_trim(0);
  return !leaving_.empty();
}

}  // namespace nevus
