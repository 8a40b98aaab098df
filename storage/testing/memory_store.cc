#include "storage/testing/memory_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"

namespace nevus {

absl::StatusOr<std::string> MemoryStore::Get(const std::string& key) const {
  MutexLock lock(mutex_);
  const auto found = rows_.find(key);
  if (found == rows_.end()) {
    return absl::NotFoundError(absl::StrCat("key ", Quoted(key)));
  }
  return found->second;
}

absl::Status MemoryStore::Apply(std::vector<Mutation> batch) {
  if (absl::Status bad = CheckKeys(batch); !bad.ok()) return bad;
  MutexLock lock(mutex_);
  for (Mutation& mutation : batch) {
    if (mutation.value.has_value()) {
      rows_[mutation.key] = *std::move(mutation.value);
    } else {
      rows_.erase(mutation.key);
    }
  }
  return absl::OkStatus();
}

absl::Status MemoryStore::Scan(const std::string& prefix,
                               const std::string& start_after,
                               const Visitor& visit) const {
  // A copy is the snapshot, and leaves the visitor free to call this store.
  const std::map<std::string, std::string> snapshot = rows();
  auto at = start_after < prefix ? snapshot.lower_bound(prefix)
                                 : snapshot.upper_bound(start_after);
  for (; at != snapshot.end(); ++at) {
    if (at->first.compare(0, prefix.size(), prefix) != 0) break;
    if (!visit(at->first, at->second)) break;
  }
  return absl::OkStatus();
}

void MemoryStore::Damage(const std::string& key) {
  MutexLock lock(mutex_);
  std::string& value = rows_.at(key);
  value[value.size() / 2] ^= 1;
}

std::map<std::string, std::string> MemoryStore::rows() const {
  MutexLock lock(mutex_);
  return rows_;
}

}  // namespace nevus
