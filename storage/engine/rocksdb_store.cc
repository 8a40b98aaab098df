#include "storage/engine/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/rocksdb_status.h"

namespace nevus {
namespace {

// RocksDB would look for space every few seconds and refuse Resume meanwhile.
// Apply resumes by itself: the first write after there is space succeeds.
class NoAutomaticRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason,
                            rocksdb::Status /*bg_error*/,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

const std::string& FormatKey() {
  static const auto* const key = new std::string("\0format", 7);
  return *key;
}

rocksdb::Options MakeOptions() {
  rocksdb::Options options;
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
  // RocksDB's own LOG files.
  options.max_log_file_size = 4 << 20;
  options.keep_log_file_num = 4;
  options.listeners = {std::make_shared<NoAutomaticRecovery>()};
  options.max_bgerror_resume_count = 0;
  return options;
}

// Makes `dir` with its parents, so that it is there after a power loss: each
// new directory is an entry of its parent, and that has to be synced.
rocksdb::IOStatus MakeDirectory(rocksdb::FileSystem& files,
                                const std::string& dir) {
  const rocksdb::IOOptions options;
  std::string parent = std::filesystem::path(dir).parent_path().string();
  if (parent.empty()) parent = ".";
  bool is_directory = false;
  if (!files.IsDirectory(dir, options, &is_directory, nullptr).ok()) {
    if (parent != dir) {
      const rocksdb::IOStatus above = MakeDirectory(files, parent);
      if (!above.ok()) return above;
    }
    const rocksdb::IOStatus made =
        files.CreateDirIfMissing(dir, options, nullptr);
    if (!made.ok()) return made;
  } else if (!is_directory) {
    return rocksdb::IOStatus::IOError(dir, "is no directory");
  }
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const rocksdb::IOStatus opened =
      files.NewDirectory(parent, options, &directory, nullptr);
  return opened.ok() ? directory->Fsync(options, nullptr) : opened;
}

// DATA_LOSS if `dir` has data but not CURRENT, which names what they are:
// RocksDB would begin an empty store over them.
absl::Status CheckNotHeadless(rocksdb::FileSystem& files,
                              const std::string& dir) {
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

struct OpenedDb {
  std::unique_ptr<rocksdb::Env> env;
  std::unique_ptr<rocksdb::DB> db;
};

absl::StatusOr<OpenedDb> OpenDb(const std::string& dir,
                                const RocksDbOptions& options) {
  OpenedDb opened;
  rocksdb::Options db_options = MakeOptions();
  db_options.write_buffer_size = options.write_buffer_bytes;
  if (options.file_system != nullptr) {
    opened.env = rocksdb::NewCompositeEnv(options.file_system);
    db_options.env = opened.env.get();
  }
  std::string path = dir;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const rocksdb::IOStatus made =
      MakeDirectory(*db_options.env->GetFileSystem(), path);
  if (made.IsNoSpace()) return OpenError(made, dir);
  if (!made.ok()) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "cannot make the directory ", dir, ": ",
                          made.ToString(), "; check its parent's permissions")),
                      "STORE_DIRECTORY");
  }
  RETURN_IF_ERROR(CheckNotHeadless(*db_options.env->GetFileSystem(), path));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(db_options, path, &db);
  if (!status.ok()) return OpenError(status, dir);
  opened.db.reset(db);
  return opened;
}

rocksdb::WriteOptions Synced() {
  rocksdb::WriteOptions options;
  options.sync = true;
  return options;
}

std::string_view View(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

}  // namespace

RocksDbStore::RocksDbStore(std::string dir, std::unique_ptr<rocksdb::Env> env,
                           std::unique_ptr<rocksdb::DB> db)
    : dir_(std::move(dir)), env_(std::move(env)), db_(std::move(db)) {}

RocksDbStore::~RocksDbStore() = default;

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    const std::string& dir, const RocksDbOptions& options) {
  ASSIGN_OR_RETURN(OpenedDb opened, OpenDb(dir, options));
  auto store = std::unique_ptr<RocksDbStore>(
      new RocksDbStore(dir, std::move(opened.env), std::move(opened.db)));
  RETURN_IF_ERROR(store->CheckFormat());
  return store;
}

absl::Status RocksDbStore::CheckFormat() {
  const std::string what = "the format number of the store in " + dir_;
  std::string text;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), FormatKey(), &text);
  if (status.IsNotFound()) {
    return FromRocksDb(
        db_->Put(Synced(), FormatKey(), absl::StrCat(kStorageFormat)), what);
  }
  if (!status.ok()) return FromRocksDb(status, what);
  int format = 0;
  if (!absl::SimpleAtoi(text, &format) || format < 1) {
    return WithReason(
        absl::DataLossError(absl::StrCat(what, " is ", Quoted(text),
                                         ", no number; restore a backup")),
        "STORE_DAMAGED");
  }
  if (format > kStorageFormat) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "the store in ", dir_, " has format ", format,
                          "; this program knows formats up to ", kStorageFormat,
                          ": start the newer program that wrote it")),
                      "STORE_FORMAT_NEWER",
                      {{"format", absl::StrCat(format)},
                       {"newest_known", absl::StrCat(kStorageFormat)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RocksDbStore::Get(const std::string& key) const {
  std::string value;
  RETURN_IF_ERROR(FromRocksDb(db_->Get(rocksdb::ReadOptions(), key, &value),
                              "key " + Quoted(key)));
  return value;
}

absl::Status RocksDbStore::Apply(std::vector<Mutation> batch) {
  RETURN_IF_ERROR(CheckKeys(batch));
  rocksdb::WriteBatch writes;
  for (const Mutation& mutation : batch) {
    const rocksdb::Status status =
        mutation.value.has_value() ? writes.Put(mutation.key, *mutation.value)
                                   : writes.Delete(mutation.key);
    RETURN_IF_ERROR(FromRocksDb(status, "key " + Quoted(mutation.key)));
  }
  rocksdb::Status written = db_->Write(Synced(), &writes);
  if (written.IsNoSpace()) {
    // Now, or in a write before, the disk was full; RocksDB stores nothing more
    // until it is told to go on, which begins a new log behind what is whole.
    MutexLock lock(resuming_);
    if (db_->Resume().ok()) written = db_->Write(Synced(), &writes);
  }
  return FromRocksDb(written, "writing to the store in " + dir_);
}

absl::Status RocksDbStore::Scan(const std::string& prefix,
                                const std::string& start_after,
                                const Visitor& visit) const {
  const std::unique_ptr<rocksdb::Iterator> at(
      db_->NewIterator(rocksdb::ReadOptions()));
  // From the first key that is not reserved.
  const std::string first = std::max(std::max(prefix, start_after),  //
                                     std::string("\x01"));
  std::string last_good = first;
  for (at->Seek(first); at->Valid() && at->key().starts_with(prefix);
       at->Next()) {
    last_good.assign(at->key().data(), at->key().size());
    if (!start_after.empty() && last_good <= start_after) continue;
    if (!visit(View(at->key()), View(at->value()))) return absl::OkStatus();
  }
  return FromRocksDb(at->status(), "keys from " + Quoted(last_good));
}

absl::Status RocksDbStore::Checkpoint(const std::string& dir) const {
  const std::string what = "copying the store in " + dir_ + " to " + dir;
  rocksdb::FileSystem& files = *db_->GetFileSystem();
  if (files.FileExists(dir, rocksdb::IOOptions(), nullptr).ok()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            dir, " is there already; back up into a directory of its own")),
        "BACKUP_EXISTS");
  }
  const std::string parent = std::filesystem::path(dir).parent_path().string();
  RETURN_IF_ERROR(FromRocksDb(MakeDirectory(files, parent), what));
  rocksdb::Checkpoint* made = nullptr;
  RETURN_IF_ERROR(
      FromRocksDb(rocksdb::Checkpoint::Create(db_.get(), &made), what));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Never flushes: the log, where every acknowledged write is, is copied too.
  constexpr uint64_t kNeverFlush = std::numeric_limits<uint64_t>::max();
  RETURN_IF_ERROR(
      FromRocksDb(checkpoint->CreateCheckpoint(dir, kNeverFlush), what));
  // Its entry in the parent.
  return FromRocksDb(MakeDirectory(files, dir), what);
}

absl::Status OverwriteFormatForTest(const std::string& dir, int format) {
  ASSIGN_OR_RETURN(const OpenedDb opened, OpenDb(dir, {}));
  return FromRocksDb(
      opened.db->Put(Synced(), FormatKey(), absl::StrCat(format)),
      "writing a format number in " + dir);
}

}  // namespace nevus
