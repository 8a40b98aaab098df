// The tree of files and directories behind FaultyFileSystem: as it is seen, and
// as it would be found after a power loss. Knows no RocksDB and no fault.
#ifndef NEVUS_STORAGE_ENGINE_TESTING_DISK_TREE_H_
#define NEVUS_STORAGE_ENGINE_TESTING_DISK_TREE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nevus {

// A file or a directory. Open files keep theirs although it has no name any
// more.
struct DiskNode {
  bool is_directory = false;

  // Of a file: the first `synced` of its bytes survive.
  std::string bytes;
  size_t synced = 0;

  // Of a directory: what is seen; what survives; and what leads from the second
  // to the first. A change is all or nothing: a renaming has two parts.
  using Entries = std::map<std::string, std::shared_ptr<DiskNode>>;
  using Change = std::vector<std::pair<std::string, std::shared_ptr<DiskNode>>>;
  Entries entries;
  Entries durable;
  std::vector<Change> unsynced;

  void Sync();
  // Makes what survives what is seen, below this too. With `random`, of what
  // was not synced a beginning survives as well.
  void LosePower(std::mt19937_64* random);
};

// Thread-compatible. Paths are absolute or relative to the root, alike.
class DiskTree {
 public:
  DiskTree() { root_->is_directory = true; }

  // Null if there is none.
  std::shared_ptr<DiskNode> Find(std::string_view path) const;
  // Puts `node` at `path`, in place of what is there; null removes that. False:
  // the directory is not there.
  bool Put(std::string_view path, std::shared_ptr<DiskNode> node);
  // False: `from` is not there, or the directory of `to`. Within one directory
  // a power loss sees both names' changes or none.
  bool Rename(std::string_view from, std::string_view to);

  void LosePower(std::mt19937_64* random) { root_->LosePower(random); }

 private:
  const std::shared_ptr<DiskNode> root_ = std::make_shared<DiskNode>();
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_TESTING_DISK_TREE_H_
