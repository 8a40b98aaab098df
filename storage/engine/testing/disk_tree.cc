#include "storage/engine/testing/disk_tree.h"

#include "absl/strings/str_split.h"

namespace nevus {
namespace {

void ApplyChange(const DiskNode::Change& change, DiskNode::Entries& entries) {
  for (const auto& [name, node] : change) {
    if (node == nullptr) {
      entries.erase(name);
    } else {
      entries[name] = node;
    }
  }
}

void ChangeEntries(DiskNode& directory, DiskNode::Change change) {
  ApplyChange(change, directory.entries);
  directory.unsynced.push_back(std::move(change));
}

// 0 to `all`, all inclusive; 0 without `random`.
size_t Draw(size_t all, std::mt19937_64* random) {
  return random == nullptr ? 0 : (*random)() % (all + 1);
}

std::vector<std::string> Parts(std::string_view path) {
  return absl::StrSplit(absl::string_view(path.data(), path.size()), '/',
                        absl::SkipEmpty());
}

}  // namespace

void DiskNode::Sync() {
  synced = bytes.size();
  durable = entries;
  unsynced.clear();
}

void DiskNode::LosePower(std::mt19937_64* random) {
  bytes.resize(synced + Draw(bytes.size() - synced, random));
  synced = bytes.size();
  const size_t kept = Draw(unsynced.size(), random);
  for (size_t i = 0; i < kept; ++i) ApplyChange(unsynced[i], durable);
  unsynced.clear();
  entries = durable;
  for (const auto& [name, node] : entries) node->LosePower(random);
}

std::shared_ptr<DiskNode> DiskTree::Find(std::string_view path) const {
  std::shared_ptr<DiskNode> at = root_;
  for (const std::string& part : Parts(path)) {
    if (part == ".") continue;
    const auto entry = at->entries.find(part);
    if (entry == at->entries.end()) return nullptr;
    at = entry->second;
  }
  return at;
}

bool DiskTree::Put(std::string_view path, std::shared_ptr<DiskNode> node) {
  const size_t slash = path.rfind('/');
  const std::shared_ptr<DiskNode> parent =
      Find(slash == std::string_view::npos ? std::string_view()
                                           : path.substr(0, slash));
  if (parent == nullptr || !parent->is_directory) return false;
  ChangeEntries(*parent,
                {{std::string(path.substr(slash + 1)), std::move(node)}});
  return true;
}

bool DiskTree::Rename(std::string_view from, std::string_view to) {
  const std::shared_ptr<DiskNode> node = Find(from);
  if (node == nullptr) return false;
  const size_t slash = from.rfind('/');
  if (slash != std::string_view::npos && slash == to.rfind('/') &&
      from.substr(0, slash) == to.substr(0, slash)) {
    ChangeEntries(*Find(from.substr(0, slash)),
                  {{std::string(to.substr(slash + 1)), node},
                   {std::string(from.substr(slash + 1)), nullptr}});
    return true;
  }
  return Put(to, node) && Put(from, nullptr);
}

}  // namespace nevus
