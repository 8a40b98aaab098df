// A RocksDB that goes on after its disk was full. RocksDB 7.8 itself cannot:
// the log that a full disk cut short stays unusable, and Resume, which should
// begin another, fails or aborts when nothing else is to be written. So it is
// closed and opened again, at the first write for which there is space; until
// then it serves reads. What else RocksDB must be shielded from is in
// store_env.h. Private to the engine.
#ifndef NEVUS_STORAGE_ENGINE_LIVE_DB_H_
#define NEVUS_STORAGE_ENGINE_LIVE_DB_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {

class DiskWatch;

// Thread-safe.
class LiveDb {
 public:
  // Errors: as RocksDbStore::Open.
  static absl::StatusOr<std::unique_ptr<LiveDb>> Open(
      const std::string& dir, const RocksDbOptions& options);
  ~LiveDb();

  // The database, which stays open as long as this lives.
  class Use {
   public:
    Use(Use&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), db_(other.db_) {}
    Use& operator=(Use&&) = delete;
    ~Use() {
      if (owner_ != nullptr) owner_->EndUse();
    }
    rocksdb::DB* operator->() const { return db_; }
    rocksdb::DB& operator*() const { return *db_; }

   private:
    friend class LiveDb;
    Use(const LiveDb* owner, rocksdb::DB* db) : owner_(owner), db_(db) {}

    const LiveDb* owner_;
    rocksdb::DB* db_;
  };
  // UNAVAILABLE: it was closed when the disk was full and cannot be opened, not
  // even for reading.
  absl::StatusOr<Use> Acquire() const;

  // NoSpace while the disk is full. A batch that was refused may be tried
  // again.
  rocksdb::Status Write(const rocksdb::WriteOptions& options,
                        rocksdb::WriteBatch& batch);
  bool is_full() const;

  rocksdb::FileSystem& files() const;
  const std::string& dir() const { return dir_; }

 private:
  LiveDb(std::string dir, const RocksDbOptions& options);
  rocksdb::Options MakeOptions() const;
  absl::Status OpenForWriting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  rocksdb::Status TryWrite(const rocksdb::WriteOptions& options,
                           rocksdb::WriteBatch& batch);
  bool GoOn();
  bool HasSpace() const;
  void EndUse() const;

  const std::string dir_;
  const RocksDbOptions options_;
  const std::unique_ptr<rocksdb::Env> env_;
  const std::shared_ptr<DiskWatch> watch_;
  mutable Mutex mutex_;
  mutable CondVar idle_;
  std::unique_ptr<rocksdb::DB> db_ ABSL_GUARDED_BY(mutex_);
  mutable int users_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_full_ ABSL_GUARDED_BY(mutex_) = false;
};

// Makes `dir` with its parents, so that it is there after a power loss.
rocksdb::Status MakeDirectory(rocksdb::FileSystem& files,
                              const std::string& dir);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_LIVE_DB_H_
