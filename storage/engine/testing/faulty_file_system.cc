#include "storage/engine/testing/faulty_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "storage/engine/testing/disk_tree.h"
#include "storage/engine/testing/open_files.h"

namespace nevus {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

enum class Operation {
  kRead,
  kWrite,
  kSync,
  kName,  // makes, removes or renames
};

// RocksDB's diary is of no interest here: it neither counts nor takes space.
bool IsDiary(std::string_view path) {
  const size_t name = path.rfind('/') + 1;
  return path.substr(name, 3) == "LOG";
}

class ImpatientClock : public rocksdb::SystemClockWrapper {
 public:
  ImpatientClock()
      : rocksdb::SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "ImpatientClock"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

// Files from a file system, threads from the machine, time from above.
class DiskEnv : public rocksdb::EnvWrapper {
 public:
  explicit DiskEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : rocksdb::EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    system_clock_ = std::make_shared<ImpatientClock>();
  }
  const char* Name() const override { return "DiskEnv"; }
};

class HeldLock : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::string path) : path(std::move(path)) {}
  const std::string path;
};

IOStatus NotThere(const std::string& path) {
  return IOStatus::PathNotFound(path, "no such file or directory");
}

}  // namespace

// The tree behind RocksDB's interface. What counts and what fails is decided in
// Begin, which every operation goes through.
class FaultyFiles : public rocksdb::FileSystem,
                    public DiskAccess,
                    public std::enable_shared_from_this<FaultyFiles> {
 public:
  const char* Name() const override { return "FaultyFileSystem"; }
  using rocksdb::FileSystem::Truncate;  // by path; below, by node

  // Opening.
  IOStatus NewSequentialFile(const std::string& path, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext*) override;
  IOStatus NewRandomAccessFile(
      const std::string& path, const FileOptions&,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
      IODebugContext*) override;
  IOStatus NewWritableFile(const std::string& path, const FileOptions&,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext*) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext*) override;
  IOStatus NewDirectory(const std::string& path, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext*) override;

  // Looking.
  IOStatus FileExists(const std::string& path, const IOOptions&,
                      IODebugContext*) override {
    std::shared_ptr<DiskNode> node;
    IOStatus found = Find(path, &node);
    // As the machine's file system has it: RocksDB tells the two apart.
    return found.IsPathNotFound() ? IOStatus::NotFound(path) : found;
  }
  IOStatus GetChildren(const std::string& path, const IOOptions&,
                       std::vector<std::string>* names,
                       IODebugContext*) override {
    names->clear();
    std::shared_ptr<DiskNode> node;
    if (IOStatus found = Find(path, &node); !found.ok()) return found;
    MutexLock lock(mutex_);
    for (const auto& entry : node->entries) names->push_back(entry.first);
    return IOStatus::OK();
  }
  IOStatus GetFileSize(const std::string& path, const IOOptions&,
                       uint64_t* size, IODebugContext*) override {
    std::shared_ptr<DiskNode> node;
    if (IOStatus found = Find(path, &node); !found.ok()) return found;
    MutexLock lock(mutex_);
    *size = node->bytes.size();
    return IOStatus::OK();
  }
  IOStatus GetFileModificationTime(const std::string& path, const IOOptions&,
                                   uint64_t* seconds,
                                   IODebugContext*) override {
    *seconds = 0;
    std::shared_ptr<DiskNode> node;
    return Find(path, &node);
  }
  IOStatus IsDirectory(const std::string& path, const IOOptions&,
                       bool* is_directory, IODebugContext*) override {
    std::shared_ptr<DiskNode> node;
    if (IOStatus found = Find(path, &node); !found.ok()) return found;
    *is_directory = node->is_directory;
    return IOStatus::OK();
  }
  IOStatus GetAbsolutePath(const std::string& path, const IOOptions&,
                           std::string* absolute, IODebugContext*) override {
    *absolute = path;
    return IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string* path,
                            IODebugContext*) override {
    *path = "/test";
    return IOStatus::OK();
  }
  IOStatus GetFreeSpace(const std::string&, const IOOptions&, uint64_t* bytes,
                        IODebugContext*) override {
    MutexLock lock(mutex_);
    // The limits of one user are not those of the disk.
    *bytes = static_cast<uint64_t>(is_quota_ ? kNever : space_);
    return IOStatus::OK();
  }

  // Changing names.
  IOStatus DeleteFile(const std::string& path, const IOOptions&,
                      IODebugContext*) override {
    return Remove(path);
  }
  IOStatus DeleteDir(const std::string& path, const IOOptions&,
                     IODebugContext*) override {
    return Remove(path);
  }
  IOStatus CreateDir(const std::string& path, const IOOptions&,
                     IODebugContext*) override {
    MutexLock lock(mutex_);
    if (tree_.Find(path) != nullptr) {
      return IOStatus::IOError(path, "is there already");
    }
    return MakeDirectory(path);
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions&,
                              IODebugContext*) override {
    MutexLock lock(mutex_);
    if (tree_.Find(path) != nullptr) return Begin(Operation::kRead, life_);
    return MakeDirectory(path);
  }
  IOStatus RenameFile(const std::string& from, const std::string& to,
                      const IOOptions&, IODebugContext*) override {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kName, life_); !begun.ok()) {
      return begun;
    }
    return tree_.Rename(from, to) ? IOStatus::OK() : NotThere(from);
  }
  IOStatus LinkFile(const std::string& from, const std::string& to,
                    const IOOptions&, IODebugContext*) override {
    MutexLock lock(mutex_);
    const std::shared_ptr<DiskNode> node = tree_.Find(from);
    return node == nullptr ? NotThere(from) : Make(to, node);
  }
  IOStatus LockFile(const std::string& path, const IOOptions&,
                    rocksdb::FileLock** lock, IODebugContext*) override {
    MutexLock guard(mutex_);
    if (tree_.Find(path) == nullptr) {
      IOStatus made = Make(path, std::make_shared<DiskNode>());
      if (!made.ok()) return made;
    }
    if (!locked_.insert(path).second) {
      return IOStatus::IOError("While lock file", path);
    }
    *lock = new HeldLock(path);
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&,
                      IODebugContext*) override {
    const std::unique_ptr<HeldLock> held(static_cast<HeldLock*>(lock));
    MutexLock guard(mutex_);
    locked_.erase(held->path);
    return IOStatus::OK();
  }

  // For open files.
  IOStatus Append(DiskNode& file, const Slice& data, int64_t life) override {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kWrite, life); !begun.ok()) {
      return begun;
    }
    if (data.size() >= full_write_bytes_ && full_write_ != kNever &&
        --full_write_ == 0) {
      full_write_ = kNever;
      return NoSpace();
    }
    const int64_t fits = std::min(space_, static_cast<int64_t>(data.size()));
    file.bytes.append(data.data(), static_cast<size_t>(fits));
    if (space_ != kNever) space_ -= fits;
    return static_cast<size_t>(fits) == data.size() ? IOStatus::OK()
                                                    : NoSpace();
  }
  IOStatus Allocate(size_t bytes) override {
    MutexLock lock(mutex_);
    return static_cast<int64_t>(bytes) <= space_ ? IOStatus::OK() : NoSpace();
  }
  IOStatus Sync(DiskNode& node, int64_t life) override {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kSync, life); !begun.ok()) {
      return begun;
    }
    node.Sync();
    return IOStatus::OK();
  }
  IOStatus Truncate(DiskNode& file, size_t size, int64_t life) override {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kWrite, life); !begun.ok()) {
      return begun;
    }
    file.bytes.resize(size);
    file.synced = std::min(file.synced, size);
    return IOStatus::OK();
  }
  IOStatus Read(const DiskNode& file, size_t offset, size_t count,
                Slice* result, char* scratch, int64_t life) override {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kRead, life); !begun.ok()) {
      return begun;
    }
    offset = std::min(offset, file.bytes.size());
    count = std::min(count, file.bytes.size() - offset);
    std::memcpy(scratch, file.bytes.data() + offset, count);
    *result = Slice(scratch, count);
    return IOStatus::OK();
  }
  uint64_t SizeOf(const DiskNode& file) override {
    MutexLock lock(mutex_);
    return file.bytes.size();
  }

  // For the tests.
  int64_t operations() const {
    MutexLock lock(mutex_);
    return operations_;
  }
  bool is_cut() const {
    MutexLock lock(mutex_);
    return is_cut_;
  }
  void CutAfter(int64_t count) {
    MutexLock lock(mutex_);
    left_ = count;
  }
  void LimitSpace(int64_t bytes, bool is_quota) {
    MutexLock lock(mutex_);
    space_ = bytes;
    is_quota_ = is_quota;
  }
  void BeFullOnce(int64_t n, size_t least_bytes) {
    MutexLock lock(mutex_);
    full_write_ = n;
    full_write_bytes_ = least_bytes;
  }
  void Fail(Operation operation, int64_t n) {
    MutexLock lock(mutex_);
    (operation == Operation::kSync ? failing_sync_ : failing_write_) = n;
  }
  void LosePower(uint64_t seed) {
    MutexLock lock(mutex_);
    std::mt19937_64 random(seed);
    tree_.LosePower(seed == 0 ? nullptr : &random);
    locked_.clear();
    ++life_;
    left_ = space_ = full_write_ = failing_write_ = failing_sync_ = kNever;
    is_cut_ = is_quota_ = false;
  }

 private:
  // As the machine's file system has it: RocksDB knows no quota.
  IOStatus NoSpace() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_quota_ ? IOStatus::IOError("While appending to file",
                                         std::strerror(EDQUOT))
                     : IOStatus::NoSpace();
  }
  // Whether an operation of `life` may go on, and counts it.
  IOStatus Begin(Operation operation, int64_t life)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (life != life_ || is_cut_) return IOStatus::IOError("the power is gone");
    if (operation == Operation::kRead) return IOStatus::OK();
    if (left_ == 0) {
      is_cut_ = true;
      return IOStatus::IOError("the power is gone");
    }
    if (left_ != kNever) --left_;
    ++operations_;
    if (operation == Operation::kName && space_ == 0) return NoSpace();
    int64_t& failing =
        operation == Operation::kSync ? failing_sync_ : failing_write_;
    if (operation != Operation::kName && failing != kNever && --failing == 0) {
      failing = kNever;
      return IOStatus::IOError("this operation was made to fail");
    }
    return IOStatus::OK();
  }
  IOStatus Find(const std::string& path, std::shared_ptr<DiskNode>* node,
                int64_t* life = nullptr) {
    MutexLock lock(mutex_);
    if (IOStatus begun = Begin(Operation::kRead, life_); !begun.ok()) {
      return begun;
    }
    *node = tree_.Find(path);
    if (life != nullptr) *life = life_;
    return *node == nullptr ? NotThere(path) : IOStatus::OK();
  }
  IOStatus Make(const std::string& path, std::shared_ptr<DiskNode> node)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (IOStatus begun = Begin(Operation::kName, life_); !begun.ok()) {
      return begun;
    }
    return tree_.Put(path, std::move(node)) ? IOStatus::OK() : NotThere(path);
  }
  IOStatus MakeDirectory(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    auto directory = std::make_shared<DiskNode>();
    directory->is_directory = true;
    return Make(path, std::move(directory));
  }
  IOStatus Remove(const std::string& path) {
    MutexLock lock(mutex_);
    if (tree_.Find(path) == nullptr) return NotThere(path);
    // Removing takes no space.
    const int64_t space = std::exchange(space_, kNever);
    IOStatus removed = Make(path, nullptr);
    space_ = space;
    return removed;
  }

  mutable Mutex mutex_;
  DiskTree tree_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> locked_ ABSL_GUARDED_BY(mutex_);
  // Grows with each power loss.
  int64_t life_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t operations_ ABSL_GUARDED_BY(mutex_) = 0;
  // What counts down to a fault.
  int64_t left_ ABSL_GUARDED_BY(mutex_) = kNever;
  int64_t space_ ABSL_GUARDED_BY(mutex_) = kNever;
  int64_t full_write_ ABSL_GUARDED_BY(mutex_) = kNever;
  size_t full_write_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t failing_write_ ABSL_GUARDED_BY(mutex_) = kNever;
  int64_t failing_sync_ ABSL_GUARDED_BY(mutex_) = kNever;
  bool is_cut_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_quota_ ABSL_GUARDED_BY(mutex_) = false;
};

IOStatus FaultyFiles::NewSequentialFile(
    const std::string& path, const FileOptions&,
    std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext*) {
  OpenNode open{shared_from_this(), nullptr, 0};
  IOStatus found = Find(path, &open.node, &open.life);
  if (found.ok()) *file = SequentialFileOf(std::move(open));
  return found;
}

IOStatus FaultyFiles::NewRandomAccessFile(
    const std::string& path, const FileOptions&,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext*) {
  OpenNode open{shared_from_this(), nullptr, 0};
  IOStatus found = Find(path, &open.node, &open.life);
  if (found.ok()) *file = RandomAccessFileOf(std::move(open));
  return found;
}

IOStatus FaultyFiles::NewWritableFile(
    const std::string& path, const FileOptions&,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext*) {
  if (IsDiary(path)) {
    *file = NoFile();
    return IOStatus::OK();
  }
  OpenNode open{shared_from_this(), std::make_shared<DiskNode>(), 0};
  MutexLock lock(mutex_);
  open.life = life_;
  IOStatus made = Make(path, open.node);
  if (made.ok()) *file = WritableFileOf(std::move(open));
  return made;
}

IOStatus FaultyFiles::ReopenWritableFile(
    const std::string& path, const FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  OpenNode open{shared_from_this(), nullptr, 0};
  IOStatus found = Find(path, &open.node, &open.life);
  if (found.IsPathNotFound()) {
    return NewWritableFile(path, options, file, debug);
  }
  if (found.ok()) *file = WritableFileOf(std::move(open));
  return found;
}

IOStatus FaultyFiles::NewDirectory(
    const std::string& path, const IOOptions&,
    std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext*) {
  OpenNode open{shared_from_this(), nullptr, 0};
  IOStatus found = Find(path, &open.node, &open.life);
  if (found.ok()) *directory = DirectoryOf(std::move(open));
  return found;
}

FaultyFileSystem::FaultyFileSystem()
    : files_(std::make_shared<FaultyFiles>()) {}
FaultyFileSystem::~FaultyFileSystem() = default;

std::shared_ptr<rocksdb::Env> FaultyFileSystem::env() const {
  return std::make_shared<DiskEnv>(files_);
}
std::shared_ptr<rocksdb::FileSystem> FaultyFileSystem::file_system() const {
  return files_;
}
int64_t FaultyFileSystem::operations() const { return files_->operations(); }
void FaultyFileSystem::CutAfter(int64_t count) { files_->CutAfter(count); }
bool FaultyFileSystem::is_cut() const { return files_->is_cut(); }
void FaultyFileSystem::LosePower(uint64_t seed) { files_->LosePower(seed); }
void FaultyFileSystem::LimitSpace(int64_t bytes) {
  files_->LimitSpace(bytes, /*is_quota=*/false);
}
void FaultyFileSystem::LimitQuota(int64_t bytes) {
  files_->LimitSpace(bytes, /*is_quota=*/true);
}
void FaultyFileSystem::LiftLimit() {
  files_->LimitSpace(kNever, /*is_quota=*/false);
}
void FaultyFileSystem::BeFullOnce(int64_t n, size_t least_bytes) {
  files_->BeFullOnce(n, least_bytes);
}
void FaultyFileSystem::FailWrite(int64_t n) {
  files_->Fail(Operation::kWrite, n);
}
void FaultyFileSystem::FailSync(int64_t n) {
  files_->Fail(Operation::kSync, n);
}

}  // namespace nevus
