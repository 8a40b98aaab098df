#include "storage/backbone/backbone_store.h"

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/record.h"
#include "storage/engine/timestamp.h"

namespace nevus {
namespace {

// One write and one read at a time; larger ones only take more memory.
constexpr size_t kPieceBytes = 4 << 20;

std::string BackboneKey(const std::string& name) {
  return Key({"backbone", name});
}
std::string PieceKey(const std::string& name, int64_t piece) {
  return Key({"weights", name, KeyNumber(piece)});
}

bool SameContent(const v1::Backbone& a, const v1::Backbone& b) {
  return a.digest() == b.digest() && a.arch() == b.arch() &&
         a.input_size() == b.input_size() &&
         a.normalization() == b.normalization();
}

absl::Status Exists(const std::string& message) {
  return WithReason(absl::AlreadyExistsError(message), "BACKBONE_EXISTS");
}

}  // namespace

absl::StatusOr<v1::Backbone> BackboneStore::Put(v1::Backbone backbone,
                                                std::string_view weights,
                                                absl::Time now,
                                                const RequestEntry& entry) {
  const std::string& name = backbone.name();
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(const std::vector<v1::Backbone> others,
                   List("", std::numeric_limits<int>::max()));
  for (const v1::Backbone& other : others) {
    const bool same = SameContent(other, backbone);
    if (other.name() == name) {
      if (same) {
        RETURN_IF_ERROR(entry.Apply(store_, {}, other));
        return other;
      }
      return Exists(absl::StrCat("backbone ", name, " stands for digest ",
                                 other.digest(), " (", other.normalization(),
                                 "); import the new one under another name"));
    }
    if (other.digest() == backbone.digest() && !same) {
      return Exists(absl::StrCat("the same weights are there as ", other.name(),
                                 " with normalization ", other.normalization(),
                                 ", not ", backbone.normalization(),
                                 "; use that one, or delete it first"));
    }
  }
  // What an import that broke off has left.
  ASSIGN_OR_RETURN(std::vector<Mutation> batch, DeletePieces(name));
  if (!batch.empty()) RETURN_IF_ERROR(store_.Apply(std::move(batch)));
  for (size_t at = 0; at < weights.size(); at += kPieceBytes) {
    RETURN_IF_ERROR(
        store_.Apply({{PieceKey(name, static_cast<int64_t>(at / kPieceBytes)),
                       WithChecksum(weights.substr(at, kPieceBytes))}}));
  }
  backbone.set_weights_bytes(static_cast<int64_t>(weights.size()));
  backbone.set_weights_sha256(weights.empty() ? "" : Sha256Hex(weights));
  *backbone.mutable_create_time() = TimestampOf(now);
  RETURN_IF_ERROR(
      entry.Apply(store_, {PutRecord(BackboneKey(name), backbone)}, backbone));
  return backbone;
}

absl::StatusOr<v1::Backbone> BackboneStore::Get(
    const std::string& name_or_digest) const {
  absl::StatusOr<v1::Backbone> backbone =
      GetRecord<v1::Backbone>(store_, BackboneKey(name_or_digest));
  if (!absl::IsNotFound(backbone.status())) return backbone;
  ASSIGN_OR_RETURN(std::vector<v1::Backbone> all,
                   List("", std::numeric_limits<int>::max()));
  for (v1::Backbone& candidate : all) {
    if (candidate.digest() == name_or_digest) return std::move(candidate);
  }
  return WithReason(
      absl::NotFoundError(absl::StrCat("backbone ", Quoted(name_or_digest),
                                       " is not there; import it first")),
      "BACKBONE_NOT_FOUND", {{"backbone", name_or_digest}});
}

absl::StatusOr<std::vector<v1::Backbone>> BackboneStore::List(
    const std::string& start_after, int limit) const {
  std::vector<v1::Backbone> backbones;
  RETURN_IF_ERROR(ScanRecords<v1::Backbone>(
      store_, BackboneKey(""),
      start_after.empty() ? "" : BackboneKey(start_after),
      [&](std::string_view, v1::Backbone backbone) {
        backbones.push_back(std::move(backbone));
        return static_cast<int>(backbones.size()) < limit;
      }));
  return backbones;
}

absl::Status BackboneStore::Delete(const std::string& name,
                                   const RequestEntry& entry) {
  MutexLock lock(writers_);
  ASSIGN_OR_RETURN(const v1::Backbone backbone, Get(name));
  ASSIGN_OR_RETURN(std::vector<Mutation> batch, DeletePieces(backbone.name()));
  batch.push_back(DeleteKey(BackboneKey(backbone.name())));
  return entry.Apply(store_, std::move(batch), v1::DeleteBackboneResponse());
}

absl::StatusOr<std::vector<Mutation>> BackboneStore::DeletePieces(
    const std::string& name) const {
  std::vector<Mutation> batch;
  RETURN_IF_ERROR(store_.Scan(Key({"weights", name, ""}), "",
                              [&](std::string_view key, std::string_view) {
                                batch.push_back(DeleteKey(std::string(key)));
                                return true;
                              }));
  return batch;
}

absl::Status BackboneStore::ReadWeights(
    const std::string& name_or_digest,
    const std::function<bool(std::string_view)>& visit) const {
  ASSIGN_OR_RETURN(const v1::Backbone backbone, Get(name_or_digest));
  Sha256 hash;
  for (int64_t at = 0, piece = 0; at < backbone.weights_bytes(); ++piece) {
    const std::string key = PieceKey(backbone.name(), piece);
    const absl::StatusOr<std::string> value = store_.Get(key);
    if (absl::IsNotFound(value.status())) return DamagedValue(key, "is gone");
    RETURN_IF_ERROR(value.status());
    ASSIGN_OR_RETURN(const std::string_view bytes, CheckedBytes(key, *value));
    hash.Update(bytes);
    if (!visit(bytes)) return absl::OkStatus();
    at += kPieceBytes;
  }
  if (backbone.weights_bytes() > 0 && hash.Hex() != backbone.weights_sha256()) {
    return DamagedValue(Key({"weights", backbone.name()}),
                        "does not have its SHA-256");
  }
  return absl::OkStatus();
}

}  // namespace nevus
