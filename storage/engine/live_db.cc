#include "storage/engine/live_db.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "storage/engine/rocksdb_status.h"
#include "storage/engine/store_env.h"

namespace nevus {
namespace {

// What opening may write besides a table of what is in the log.
constexpr uint64_t kSpaceToOpen = 16 << 20;
// How long a write on a full disk waits for readers to finish, so that it can
// open the database again. The next write tries again.
constexpr absl::Duration kWaitForReaders = absl::Seconds(1);

// Whether a new file of `bytes` in `dir` finds space. A quota, or a disk that
// is out of inodes, does not show in GetFreeSpace.
bool CanAllocate(rocksdb::FileSystem& files, const std::string& dir,
                 uint64_t bytes) {
  // RocksDB removes files of such a name when it opens: one that is left
  // behind by a process that was killed takes no space for long.
  const std::string path = dir + "/000000.dbtmp";
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus tried =
      files.NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (tried.ok()) {
    tried = file->Allocate(0, bytes, rocksdb::IOOptions(), nullptr);
  }
  file.reset();
  files.DeleteFile(path, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  return !tried.IsNoSpace();
}

// DATA_LOSS if `dir` has data but not CURRENT, which names what they are:
// RocksDB would begin an empty store over them.
absl::Status CheckCurrent(rocksdb::FileSystem& files, const std::string& dir) {
  const rocksdb::IOOptions options;
  if (files.FileExists(dir + "/CURRENT", options, nullptr).ok()) {
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  RETURN_IF_ERROR(
      OpenError(files.GetChildren(dir, options, &names, nullptr), dir));
  for (const std::string& name : names) {
    const std::string ending = std::filesystem::path(name).extension().string();
    if (ending != ".log" && ending != ".sst" && ending != ".blob") continue;
    return WithReason(
        absl::DataLossError(absl::StrCat(
            "the store in ", dir, " has ", name,
            " but no CURRENT, which names its files: restore a backup")),
        "STORE_DAMAGED");
  }
  return absl::OkStatus();
}

}  // namespace

// What happens in RocksDB's background.
class DiskWatch : public rocksdb::EventListener {
 public:
  // RocksDB would look for space every few seconds and try to go on itself.
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason,
                            rocksdb::Status /*bg_error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
  void OnBackgroundError(rocksdb::BackgroundErrorReason,
                         rocksdb::Status* bg_error) override {
    if (bg_error->IsNoSpace()) saw_full_disk_ = true;
  }

  bool saw_full_disk() const { return saw_full_disk_; }
  void Forget() { saw_full_disk_ = false; }

 private:
  std::atomic<bool> saw_full_disk_{false};
};

rocksdb::Options LiveDb::MakeOptions() const {
  rocksdb::Options options;
  options.env = env_.get();
  options.write_buffer_size = options_.write_buffer_bytes;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  // Every write is synced, so only the last record of the log may be torn. The
  // default would drop acknowledged writes behind a damaged one in silence.
  options.wal_recovery_mode =
      rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.enable_blob_files = true;
  options.min_blob_size = 1024;
  // Images are compressed already and features are noise.
  options.blob_compression_type = rocksdb::kNoCompression;
  options.enable_blob_garbage_collection = true;
  options.compression = rocksdb::kLZ4Compression;
  options.max_open_files = 1024;
  // Images and features are mostly read in order of their key, as they lie in
  // the files: the kernel may read ahead (cold features 1.7 times as fast).
  options.advise_random_on_open = false;
  // RocksDB's own LOG files.
  options.max_log_file_size = 4 << 20;
  options.keep_log_file_num = 4;
  options.listeners = {watch_};
  options.max_bgerror_resume_count = 0;
  return options;
}

// Each new directory is an entry of its parent, and that has to be synced.
rocksdb::Status MakeDirectory(rocksdb::FileSystem& files,
                              const std::string& dir) {
  const rocksdb::IOOptions options;
  std::string parent = std::filesystem::path(dir).parent_path().string();
  if (parent.empty()) parent = ".";
  bool is_directory = false;
  if (!files.IsDirectory(dir, options, &is_directory, nullptr).ok()) {
    if (parent != dir) {
      const rocksdb::Status above = MakeDirectory(files, parent);
      if (!above.ok()) return above;
    }
    const rocksdb::Status made =
        files.CreateDirIfMissing(dir, options, nullptr);
    if (!made.ok()) return made;
  } else if (!is_directory) {
    return rocksdb::Status::IOError(dir, "is no directory");
  }
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const rocksdb::Status opened =
      files.NewDirectory(parent, options, &directory, nullptr);
  if (!opened.ok()) return opened;
  return directory->Fsync(options, nullptr);
}

LiveDb::LiveDb(std::string dir, const RocksDbOptions& options)
    : dir_(std::move(dir)),
      options_(options),
      env_(MakeStoreEnv(options.env != nullptr ? *options.env
                                               : *rocksdb::Env::Default())),
      watch_(std::make_shared<DiskWatch>()) {}

LiveDb::~LiveDb() = default;

absl::StatusOr<std::unique_ptr<LiveDb>> LiveDb::Open(
    const std::string& dir, const RocksDbOptions& options) {
  std::string path = dir;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  auto live = std::unique_ptr<LiveDb>(new LiveDb(path, options));
  const rocksdb::Status made = MakeDirectory(live->files(), path);
  if (made.IsNoSpace()) return OpenError(made, dir);
  if (!made.ok()) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "cannot make the directory ", dir, ": ",
                          made.ToString(), "; check its parent's permissions")),
                      "STORE_DIRECTORY");
  }
  RETURN_IF_ERROR(CheckCurrent(live->files(), path));
  MutexLock lock(live->mutex_);
  RETURN_IF_ERROR(live->OpenForWriting());
  return live;
}

absl::Status LiveDb::OpenForWriting() {
  rocksdb::DB* db = nullptr;
  RETURN_IF_ERROR(OpenError(rocksdb::DB::Open(MakeOptions(), dir_, &db), dir_));
  db_.reset(db);
  return absl::OkStatus();
}

rocksdb::FileSystem& LiveDb::files() const { return *env_->GetFileSystem(); }

bool LiveDb::is_full() const {
  MutexLock lock(mutex_);
  return is_full_;
}

absl::StatusOr<LiveDb::Use> LiveDb::Acquire() const {
  MutexLock lock(mutex_);
  if (db_ == nullptr) {
    return WithReason(
        absl::UnavailableError(absl::StrCat(
            "the store in ", dir_,
            " was closed since the disk was full, and "
            "cannot be opened; free some space, or start nevusd again")),
        "DISK_FULL");
  }
  ++users_;
  return Use(this, db_.get());
}

void LiveDb::EndUse() const {
  MutexLock lock(mutex_);
  if (--users_ == 0) idle_.NotifyAll();
}

rocksdb::Status LiveDb::Write(const rocksdb::WriteOptions& options,
                              rocksdb::WriteBatch& batch) {
  const rocksdb::Status written = TryWrite(options, batch);
  if (!written.IsNoSpace() || !GoOn()) return written;
  return TryWrite(options, batch);
}

rocksdb::Status LiveDb::TryWrite(const rocksdb::WriteOptions& options,
                                 rocksdb::WriteBatch& batch) {
  if (is_full()) return rocksdb::Status::NoSpace();
  const absl::StatusOr<Use> db = Acquire();
  if (!db.ok()) return rocksdb::Status::NoSpace();
  rocksdb::Status written = (*db)->Write(options, &batch);
  // After a compaction found no space RocksDB takes writes until it has to wait
  // for one, and then refuses them with this.
  if (written.IsIncomplete() && watch_->saw_full_disk()) {
    written = rocksdb::Status::NoSpace(written.ToString());
  }
  if (written.IsNoSpace()) {
    MutexLock lock(mutex_);
    // Another writer may have opened it again meanwhile; then this is too
    // careful, and the next write opens it once more.
    if (!std::exchange(is_full_, true)) Log("store.full").With("dir", dir_);
  }
  return written;
}

// True if there is space again and writing may go on.
bool LiveDb::GoOn() {
  MutexLock lock(mutex_);
  if (!HasSpace()) return false;
  while (is_full_ && users_ > 0) {
    if (!idle_.WaitFor(mutex_, kWaitForReaders)) break;
  }
  if (!is_full_) return true;  // another writer was faster
  if (users_ > 0) return false;
  // Closing writes nothing: all that was acknowledged is in the log.
  db_.reset();
  watch_->Forget();
  if (OpenForWriting().ok()) {
    is_full_ = false;
    Log("store.goes_on").With("dir", dir_);
    return true;
  }
  rocksdb::DB* reader = nullptr;
  if (rocksdb::DB::OpenForReadOnly(MakeOptions(), dir_, &reader).ok()) {
    db_.reset(reader);
  }
  return false;
}

bool LiveDb::HasSpace() const {
  const uint64_t needed = kSpaceToOpen + options_.write_buffer_bytes;
  uint64_t free = 0;
  const rocksdb::Status asked =
      files().GetFreeSpace(dir_, rocksdb::IOOptions(), &free, nullptr);
  // A file system that does not say is tried.
  if (asked.ok() && free < needed) return false;
  return CanAllocate(files(), dir_, needed);
}

}  // namespace nevus
