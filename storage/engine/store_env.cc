#include "storage/engine/store_env.h"

#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>
#include <rocksdb/system_clock.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace nevus {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// RocksDB keeps of an errno only its text, which comes from the same C library.
const std::string& QuotaText() {
  static const auto* const text = new std::string(std::strerror(EDQUOT));
  return *text;
}

IOStatus AsFullDisk(IOStatus status) {
  if (!status.IsIOError() || status.IsNoSpace()) return status;
  const std::string why = status.getState() == nullptr ? "" : status.getState();
  if (!absl::EndsWith(why, QuotaText())) return status;
  IOStatus full = IOStatus::NoSpace(why);
  full.SetRetryable(true);  // as RocksDB marks ENOSPC
  return full;
}

class StoreFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  using FSWritableFileOwnerWrapper::FSWritableFileOwnerWrapper;

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    return AsFullDisk(target()->Append(data, options, debug));
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& verification,
                  IODebugContext* debug) override {
    return AsFullDisk(target()->Append(data, options, verification, debug));
  }
  IOStatus Allocate(uint64_t offset, uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    return AsFullDisk(target()->Allocate(offset, size, options, debug));
  }
  // What was written may find its quota only now: on a network file system, or
  // one that allocates late.
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(target()->Flush(options, debug));
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(target()->Sync(options, debug));
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(target()->Fsync(options, debug));
  }
  IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(target()->Close(options, debug));
  }
};

class StoreDirectory : public rocksdb::FSDirectoryWrapper {
 public:
  using FSDirectoryWrapper::FSDirectoryWrapper;

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(FSDirectoryWrapper::Fsync(options, debug));
  }
  IOStatus FsyncWithDirOptions(
      const IOOptions& options, IODebugContext* debug,
      const rocksdb::DirFsyncOptions& directory) override {
    return AsFullDisk(
        FSDirectoryWrapper::FsyncWithDirOptions(options, debug, directory));
  }
};

// RocksDB's LOG: a line that finds no space is lost.
class LossyLog : public rocksdb::Logger {
 public:
  // `file`: null if there was no space even to make it; then all is lost.
  LossyLog(std::unique_ptr<rocksdb::FSWritableFile> file,
           std::shared_ptr<rocksdb::SystemClock> clock)
      : clock_(std::move(clock)), file_(std::move(file)) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char text[4096];  // a longer line is cut
    std::vsnprintf(text, sizeof(text), format, arguments);
    const absl::Time now =
        absl::FromUnixMicros(static_cast<int64_t>(clock_->NowMicros()));
    const std::string line = absl::StrCat(
        absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ ", now, absl::UTCTimeZone()),
        absl::StripSuffix(text, "\n"), "\n");
    MutexLock lock(mutex_);
    if (file_ == nullptr) return;
    if (file_->Append(line, IOOptions(), nullptr).ok()) size_ += line.size();
  }
  size_t GetLogFileSize() const override {
    MutexLock lock(mutex_);
    return size_;
  }

 protected:
  rocksdb::Status CloseImpl() override {
    MutexLock lock(mutex_);
    file_.reset();
    return rocksdb::Status::OK();
  }

 private:
  const std::shared_ptr<rocksdb::SystemClock> clock_;
  mutable Mutex mutex_;
  std::unique_ptr<rocksdb::FSWritableFile> file_ ABSL_GUARDED_BY(mutex_);
  size_t size_ ABSL_GUARDED_BY(mutex_) = 0;
};

class StoreFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit StoreFileSystem(rocksdb::Env& below)
      : FileSystemWrapper(below.GetFileSystem()),
        clock_(below.GetSystemClock()) {}
  const char* Name() const override { return "StoreFileSystem"; }

  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* debug) override {
    return Wrapped(target()->NewWritableFile(path, options, file, debug), file);
  }
  IOStatus ReopenWritableFile(const std::string& path,
                              const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* debug) override {
    return Wrapped(target()->ReopenWritableFile(path, options, file, debug),
                   file);
  }
  IOStatus NewDirectory(const std::string& path, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                        IODebugContext* debug) override {
    IOStatus opened = target()->NewDirectory(path, options, directory, debug);
    if (opened.ok()) {
      *directory = std::make_unique<StoreDirectory>(std::move(*directory));
    }
    return opened;
  }
  IOStatus CreateDir(const std::string& path, const IOOptions& options,
                     IODebugContext* debug) override {
    return AsFullDisk(target()->CreateDir(path, options, debug));
  }
  IOStatus CreateDirIfMissing(const std::string& path, const IOOptions& options,
                              IODebugContext* debug) override {
    return AsFullDisk(target()->CreateDirIfMissing(path, options, debug));
  }
  IOStatus RenameFile(const std::string& from, const std::string& to,
                      const IOOptions& options,
                      IODebugContext* debug) override {
    return AsFullDisk(target()->RenameFile(from, to, options, debug));
  }
  IOStatus LinkFile(const std::string& from, const std::string& to,
                    const IOOptions& options, IODebugContext* debug) override {
    return AsFullDisk(target()->LinkFile(from, to, options, debug));
  }
  // Never fails: RocksDB asserts that too, when its LOG is full and it begins
  // another.
  IOStatus NewLogger(const std::string& path, const IOOptions&,
                     std::shared_ptr<rocksdb::Logger>* logger,
                     IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    if (!target()->NewWritableFile(path, FileOptions(), &file, debug).ok()) {
      file.reset();
    }
    *logger = std::make_shared<LossyLog>(std::move(file), clock_);
    return IOStatus::OK();
  }

 private:
  static IOStatus Wrapped(IOStatus made,
                          std::unique_ptr<rocksdb::FSWritableFile>* file) {
    if (!made.ok()) return AsFullDisk(std::move(made));
    *file = std::make_unique<StoreFile>(std::move(*file));
    return made;
  }

  const std::shared_ptr<rocksdb::SystemClock> clock_;
};

class StoreEnv : public rocksdb::EnvWrapper {
 public:
  explicit StoreEnv(rocksdb::Env& below)
      : rocksdb::EnvWrapper(rocksdb::NewCompositeEnv(
            std::make_shared<StoreFileSystem>(below))) {
    system_clock_ = below.GetSystemClock();
  }
  const char* Name() const override { return "StoreEnv"; }
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeStoreEnv(rocksdb::Env& below) {
  return std::make_unique<StoreEnv>(below);
}

}  // namespace nevus
