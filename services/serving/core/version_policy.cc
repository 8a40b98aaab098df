#include "services/serving/core/version_policy.h"

#include <algorithm>
#include <set>

namespace nevus {
namespace {

const VersionSnapshot* Find(const ServingSnapshot& now, const VersionId& id) {
  for (const VersionSnapshot& version : now.versions) {
    if (version.id == id) return &version;
  }
  return nullptr;
}

bool ToBeLoaded(const ServingSnapshot& now, const VersionId& id) {
  const VersionSnapshot* version = Find(now, id);
  return version == nullptr ||
         (version->state == VersionState::kFailed && version->try_again);
}

// An alias wants it or answers with it.
bool HasAlias(const ServingSnapshot& now, const VersionId& id) {
  return std::any_of(
      now.aliases.begin(), now.aliases.end(), [&](const AliasSnapshot& alias) {
        return alias.model == id.model &&
               (alias.wanted == id.version || alias.answering == id.version);
      });
}

bool IsKept(const ServingSnapshot& now, const VersionId& id) {
  return std::any_of(now.kept.begin(), now.kept.end(),
                     [&](const KeptSnapshot& kept) { return kept.id == id; });
}

}  // namespace

int64_t LoadedBytes(const ServingSnapshot& now) {
  int64_t bytes = 0;
  std::set<std::string> spaces;
  for (const VersionSnapshot& version : now.versions) {
    if (version.state != VersionState::kReady) continue;
    bytes += version.own_bytes;
    if (spaces.insert(version.space).second) bytes += version.space_bytes;
  }
  return bytes;
}

VersionAction NextAction(const ServingSnapshot& now, int64_t limit_bytes) {
  using Kind = VersionAction::Kind;
  const bool loading =
      std::any_of(now.versions.begin(), now.versions.end(),
                  [](const VersionSnapshot& version) {
                    return version.state == VersionState::kLoading;
                  });
  if (!loading) {
    for (const AliasSnapshot& alias : now.aliases) {
      const VersionId wanted{alias.model, alias.wanted};
      if (ToBeLoaded(now, wanted)) return {Kind::kLoad, wanted};
    }
    for (const KeptSnapshot& kept : now.kept) {
      if (kept.awaited && ToBeLoaded(now, kept.id)) {
        return {Kind::kLoad, kept.id};
      }
    }
  }
  for (const VersionSnapshot& version : now.versions) {
    if (version.state != VersionState::kLoading && !HasAlias(now, version.id) &&
        !IsKept(now, version.id)) {
      return {Kind::kUnload, version.id};
    }
  }
  if (LoadedBytes(now) <= limit_bytes) return {};
  for (auto kept = now.kept.rbegin(); kept != now.kept.rend(); ++kept) {
    const VersionSnapshot* version = Find(now, kept->id);
    if (version != nullptr && version->state == VersionState::kReady &&
        !kept->awaited && !kept->prepared && !HasAlias(now, kept->id)) {
      return {Kind::kUnload, kept->id};
    }
  }
  return {};
}

}  // namespace nevus
