#include "storage/model/model_store.h"

#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/fence.h"
#include "storage/engine/record.h"
#include "storage/engine/timestamp.h"
#include "storage/model/model_digest.h"

namespace nevus {
namespace {

// v1::Model without its head.
std::string ModelKey(const std::string& name, int64_t version) {
  return Key({"model", name, KeyNumber(version)});
}
// v1::Head: apart, since lists do without and it can be 25 MB.
std::string HeadKey(const std::string& name, int64_t version) {
  return Key({"head", name, KeyNumber(version)});
}
// v1::Baseline: apart, since lists do without; absent if the model has none.
std::string BaselineKey(const std::string& name, int64_t version) {
  return Key({"baseline", name, KeyNumber(version)});
}
std::string AliasKey(const std::string& model, const std::string& alias) {
  return Key({"alias", model, alias});
}
// v1::Evaluation by what was judged, and its report. `which` is a
// v1::Evaluation or a v1::GetEvaluationRequest.
template <typename Which>
std::string JudgedKey(const std::string& kind, const Which& which) {
  return Key({kind, which.model(), KeyNumber(which.model_version()),
              which.dataset(), KeyNumber(which.dataset_version()),
              which.split()});
}
// Empty: the task has recorded its evaluation.
std::string RecordedKey(const v1::Lease& lease) {
  return Key({"recorded", TaskKey(lease)});
}

absl::Status ModelNotFound(const std::string& name, int64_t version) {
  return WithReason(absl::NotFoundError(absl::StrCat(
                        "model ", Quoted(name), " has no version ", version,
                        "; list the models to see what there is")),
                    "MODEL_NOT_FOUND",
                    {{"model", name}, {"version", absl::StrCat(version)}});
}

std::string EtagOf(const v1::Alias& alias) {
  std::string content =
      absl::StrCat(alias.model(), "@", alias.alias(), " ", alias.version(), " ",
                   alias.history_size());
  if (alias.candidate_version() != 0) {
    absl::StrAppend(&content, " ", alias.candidate_version(), " ",
                    alias.candidate_mode(), " ", alias.candidate_share());
  }
  return Sha256Hex(content).substr(0, 16);
}

absl::Status CheckEtag(const v1::Alias& alias, const std::string& etag) {
  if (etag.empty() || etag == alias.etag()) return absl::OkStatus();
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "etag ", Quoted(etag), " of ", alias.model(), "@", alias.alias(),
          " is stale: the alias has changed and has ", Quoted(alias.etag()),
          " now; read it again and decide anew")),
      "ALIAS_ETAG_STALE", {{"etag", alias.etag()}});
}

v1::AliasMove MoveTo(int64_t version, const MoveNote& note, bool rollback) {
  v1::AliasMove move;
  move.set_to_version(version);
  move.set_actor(note.actor);
  move.set_reason(note.reason);
  move.set_rollback(rollback);
  return move;
}

// Where an alias would point after one step back, then two, ...; a move to the
// version below the top was such a step itself.
std::vector<int64_t> EarlierVersions(const v1::Alias& alias) {
  std::vector<int64_t> versions;
  for (const v1::AliasMove& move : alias.history()) {
    const size_t count = versions.size();
    if (count >= 2 && versions[count - 2] == move.to_version()) {
      versions.pop_back();
    } else {
      versions.push_back(move.to_version());
    }
  }
  if (!versions.empty()) versions.pop_back();
  return versions;
}

}  // namespace

absl::StatusOr<int64_t> ModelStore::NewestVersion(
    const std::string& name) const {
  std::string newest = "0";
  RETURN_IF_ERROR(store_.Scan(Key({"model", name, ""}), "",
                              [&](std::string_view key, std::string_view) {
                                newest = KeyTail(key, 2);
                                return true;
                              }));
  int64_t version = 0;
  if (!absl::SimpleAtoi(newest, &version)) {
    return DamagedValue(Key({"model", name, newest}), "is under a bad key");
  }
  return version;
}

absl::StatusOr<v1::Model> ModelStore::Register(
    v1::Model model, const std::optional<v1::Lease>& lease, absl::Time now,
    const RequestEntry& entry) {
  const std::string digest = ModelDigest(model);
  MutexLock lock(writers_);
  std::vector<Mutation> batch;
  if (lease.has_value()) {
    RETURN_IF_ERROR(CheckFence(store_, *lease, batch));
    const std::string key = RegisteredKey(*lease);
    const absl::StatusOr<std::string> before = GetText(store_, key);
    if (before.ok()) {
      const auto there = ParseVersion("model", *before);
      if (!there.ok()) return DamagedValue(key, "names no model version");
      return Get(there->name, there->version);
    }
    if (!absl::IsNotFound(before.status())) return before.status();
  }
  ASSIGN_OR_RETURN(const int64_t newest, NewestVersion(model.name()));
  model.set_version(newest + 1);
  model.set_digest(digest);
  *model.mutable_create_time() = TimestampOf(now);

  v1::Model listed = model;
  listed.clear_head();
  listed.clear_baseline();
  batch.push_back(PutRecord(ModelKey(model.name(), model.version()), listed));
  batch.push_back(
      PutRecord(HeadKey(model.name(), model.version()), model.head()));
  if (model.has_baseline()) {
    batch.push_back(PutRecord(BaselineKey(model.name(), model.version()),
                              model.baseline()));
  }
  if (lease.has_value()) {
    batch.push_back(PutText(RegisteredKey(*lease),
                            absl::StrCat(model.name(), "@", model.version())));
    RETURN_IF_ERROR(checkpoints_.Drop(lease->job(), batch));
  }
  RETURN_IF_ERROR(entry.Apply(store_, std::move(batch), listed));
  return model;
}

absl::StatusOr<v1::Model> ModelStore::Get(const std::string& name,
                                          int64_t version) const {
  if (version < 1) return ModelNotFound(name, version);
  absl::StatusOr<v1::Model> model =
      GetRecord<v1::Model>(store_, ModelKey(name, version));
  if (absl::IsNotFound(model.status())) return ModelNotFound(name, version);
  RETURN_IF_ERROR(model.status());
  const std::string key = HeadKey(name, version);
  absl::StatusOr<v1::Head> head = GetRecord<v1::Head>(store_, key);
  if (absl::IsNotFound(head.status())) return DamagedValue(key, "is gone");
  RETURN_IF_ERROR(head.status());
  *model->mutable_head() = *std::move(head);
  absl::StatusOr<v1::Baseline> baseline =
      GetRecord<v1::Baseline>(store_, BaselineKey(name, version));
  if (baseline.ok()) *model->mutable_baseline() = *std::move(baseline);
  if (!baseline.ok() && !absl::IsNotFound(baseline.status())) {
    return baseline.status();
  }
  if (ModelDigest(*model) != model->digest()) {
    return DamagedValue(ModelKey(name, version), "does not have its digest");
  }
  return model;
}

absl::StatusOr<v1::Model> ModelStore::GetByAlias(
    const std::string& name, const std::string& alias) const {
  ASSIGN_OR_RETURN(const v1::Alias found, GetAlias(name, alias));
  return Get(name, found.version());
}

absl::StatusOr<std::vector<v1::Model>> ModelStore::List(
    const std::string& name, const std::optional<Position>& start_after,
    int limit) const {
  std::vector<v1::Model> models;
  RETURN_IF_ERROR(ScanRecords<v1::Model>(
      store_, name.empty() ? Key({"model", ""}) : Key({"model", name, ""}),
      start_after ? ModelKey(start_after->name, start_after->version) : "",
      [&](std::string_view, v1::Model model) {
        models.push_back(std::move(model));
        return static_cast<int>(models.size()) < limit;
      }));
  return models;
}

absl::StatusOr<bool> ModelStore::UsesBackbone(
    const std::string& backbone_digest) const {
  bool is_used = false;
  RETURN_IF_ERROR(ScanRecords<v1::Model>(
      store_, Key({"model", ""}), "", [&](std::string_view, v1::Model model) {
        is_used = model.space().backbone_digest() == backbone_digest;
        return !is_used;
      }));
  return is_used;
}

absl::StatusOr<v1::Alias> ModelStore::GetAlias(const std::string& model,
                                               const std::string& alias) const {
  absl::StatusOr<v1::Alias> found =
      GetRecord<v1::Alias>(store_, AliasKey(model, alias));
  if (absl::IsNotFound(found.status())) {
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "model ", Quoted(model), " has no alias ", Quoted(alias),
            ", or does not exist (`nevus model "
            "list`); promote a version to it first")),
        "ALIAS_NOT_FOUND", {{"model", model}, {"alias", alias}});
  }
  return found;
}

absl::StatusOr<v1::Alias> ModelStore::Move(v1::Alias alias, v1::AliasMove move,
                                           absl::Time now,
                                           const RequestEntry& entry) {
  move.set_from_version(alias.version());
  *move.mutable_move_time() = TimestampOf(now);
  alias.set_version(move.to_version());
  *alias.add_history() = std::move(move);
  alias.clear_candidate_version();
  alias.clear_candidate_mode();
  alias.clear_candidate_share();
  alias.set_etag(EtagOf(alias));
  RETURN_IF_ERROR(entry.Apply(
      store_, {PutRecord(AliasKey(alias.model(), alias.alias()), alias)},
      alias));
  return alias;
}

absl::StatusOr<v1::Alias> ModelStore::Promote(
    const std::string& model, int64_t version, const std::string& alias,
    const std::string& etag, absl::Time now, const RequestEntry& entry,
    const MoveNote& note) {
  MutexLock lock(writers_);
  RETURN_IF_ERROR(Get(model, version).status());
  absl::StatusOr<v1::Alias> current = GetAlias(model, alias);
  if (absl::IsNotFound(current.status())) {
    current.emplace();
    current->set_model(model);
    current->set_alias(alias);
  }
  RETURN_IF_ERROR(current.status());
  RETURN_IF_ERROR(CheckEtag(*current, etag));
  if (current->version() == version) {
    RETURN_IF_ERROR(entry.Apply(store_, {}, *current));
    return current;
  }
  return Move(*std::move(current), MoveTo(version, note, false), now, entry);
}

absl::StatusOr<v1::Alias> ModelStore::Rollback(
    const std::string& model, const std::string& alias, absl::Time now,
    const RequestEntry& entry, const MoveNote& note, const std::string& etag) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(v1::Alias current, GetAlias(model, alias));
  RETURN_IF_ERROR(CheckEtag(current, etag));
  const std::vector<int64_t> earlier = EarlierVersions(current);
  if (earlier.empty()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            model, "@", alias, " points at version ", current.version(),
            " and pointed at none before; promote the version that you want")),
        "NO_HISTORY");
  }
  return Move(std::move(current), MoveTo(earlier.back(), note, true), now,
              entry);
}

absl::StatusOr<v1::Alias> ModelStore::SetCandidate(
    const v1::SetCandidateRequest& request, const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(v1::Alias alias, GetAlias(request.model(), request.alias()));
  RETURN_IF_ERROR(CheckEtag(alias, request.etag()));
  const int64_t candidate = request.candidate_version();
  if (candidate == alias.version()) {
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            request.model(), "@", request.alias(), " points at version ",
            candidate, " already; try another version beside it")),
        "CANDIDATE_INVALID");
  }
  alias.clear_candidate_version();
  alias.clear_candidate_mode();
  alias.clear_candidate_share();
  if (candidate != 0) {
    RETURN_IF_ERROR(Get(request.model(), candidate).status());
    alias.set_candidate_version(candidate);
    alias.set_candidate_mode(request.mode());
    alias.set_candidate_share(request.share());
  }
  alias.set_etag(EtagOf(alias));
  RETURN_IF_ERROR(entry.Apply(
      store_, {PutRecord(AliasKey(alias.model(), alias.alias()), alias)},
      alias));
  return alias;
}

absl::StatusOr<std::vector<v1::Alias>> ModelStore::ListAliases(
    const std::string& model) const {
  std::vector<v1::Alias> aliases;
  RETURN_IF_ERROR(ScanRecords<v1::Alias>(
      store_, model.empty() ? Key({"alias", ""}) : AliasKey(model, ""), "",
      [&](std::string_view, v1::Alias alias) {
        aliases.push_back(std::move(alias));
        return true;
      }));
  return aliases;
}

absl::StatusOr<v1::Evaluation> ModelStore::Record(
    v1::Evaluation evaluation, const std::string& report_html,
    const v1::Lease& lease, absl::Time now) {
  MutexLock lock(writers_);
  std::vector<Mutation> batch;
  RETURN_IF_ERROR(CheckFence(store_, lease, batch));
  const std::string key = JudgedKey("evaluation", evaluation);
  ASSIGN_OR_RETURN(const bool is_recorded,
                   Contains(store_, RecordedKey(lease)));
  if (is_recorded) return GetRecord<v1::Evaluation>(store_, key);
  RETURN_IF_ERROR(Get(evaluation.model(), evaluation.model_version()).status());
  *evaluation.mutable_create_time() = TimestampOf(now);
  batch.push_back(PutRecord(key, evaluation));
  batch.push_back(PutText(JudgedKey("report", evaluation), report_html));
  batch.push_back({RecordedKey(lease), ""});
  RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  return evaluation;
}

absl::StatusOr<v1::Evaluation> ModelStore::GetEvaluation(
    const v1::GetEvaluationRequest& which) const {
  absl::StatusOr<v1::Evaluation> found =
      which.model_version() < 1 || which.dataset_version() < 1
          ? absl::NotFoundError("versions count from 1")
          : GetRecord<v1::Evaluation>(store_, JudgedKey("evaluation", which));
  if (absl::IsNotFound(found.status())) {
    return WithReason(
        absl::NotFoundError(absl::StrCat(
            "model ", Quoted(which.model()), " version ", which.model_version(),
            " was not evaluated on ", Quoted(which.split()), " of dataset ",
            Quoted(which.dataset()), " version ", which.dataset_version(),
            "; evaluate it first")),
        "EVALUATION_NOT_FOUND");
  }
  return found;
}

absl::StatusOr<std::string> ModelStore::GetReport(
    const v1::GetEvaluationRequest& which) const {
  RETURN_IF_ERROR(GetEvaluation(which).status());
  const std::string key = JudgedKey("report", which);
  absl::StatusOr<std::string> report = GetText(store_, key);
  if (absl::IsNotFound(report.status())) return DamagedValue(key, "is gone");
  return report;
}

absl::Status ModelStore::WriteCheckpoint(const v1::Checkpoint& checkpoint,
                                         const v1::Lease& lease) {
  MutexLock lock(writers_);
  return checkpoints_.Write(checkpoint, lease);
}

absl::StatusOr<std::vector<std::string>> ModelStore::JobsWithCheckpoints()
    const {
  return checkpoints_.Jobs();
}

absl::Status ModelStore::DropCheckpoints(const std::string& job) {
  MutexLock lock(writers_);
  std::vector<Mutation> batch;
  RETURN_IF_ERROR(checkpoints_.Drop(job, batch));
  return store_.Apply(std::move(batch));
}

absl::StatusOr<v1::Checkpoint> ModelStore::ReadCheckpoint(
    const std::string& job, int task) const {
  return checkpoints_.Read(job, task);
}

}  // namespace nevus
