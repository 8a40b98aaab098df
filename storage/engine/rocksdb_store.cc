#include "storage/engine/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"

namespace nevus {
namespace {

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
  return options;
}

// What RocksDB says, as our codes; `what` names what was read or written.
absl::Status FromRocksDb(const rocksdb::Status& status,
                         const std::string& what) {
  const std::string message = absl::StrCat(what, ": ", status.ToString());
  if (status.ok()) return absl::OkStatus();
  if (status.IsNotFound()) return absl::NotFoundError(message);
  if (status.IsCorruption()) {
    return WithReason(
        absl::DataLossError(absl::StrCat(
            message, "; stored bytes are damaged: restore them from a backup")),
        "STORE_DAMAGED");
  }
  if (status.IsNoSpace()) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                          message, "; the disk is full: free some space")),
                      "DISK_FULL");
  }
  return absl::InternalError(message);
}

absl::Status OpenError(const rocksdb::Status& status, const std::string& dir) {
  if (status.IsIOError() &&
      status.ToString().find("LOCK") != std::string::npos) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "the store in ", dir, " is locked: another process has it open; ",
            "stop that one, or give this one a data directory of its own")),
        "STORE_LOCKED");
  }
  return FromRocksDb(status, "opening the store in " + dir);
}

absl::StatusOr<std::unique_ptr<rocksdb::DB>> OpenDb(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "cannot make the directory ", dir, ": ",
                          error.message(), "; check its parent's permissions")),
                      "STORE_DIRECTORY");
  }
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(MakeOptions(), dir, &db);
  if (!status.ok()) return OpenError(status, dir);
  return std::unique_ptr<rocksdb::DB>(db);
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

RocksDbStore::RocksDbStore(std::string dir, std::unique_ptr<rocksdb::DB> db)
    : dir_(std::move(dir)), db_(std::move(db)) {}

RocksDbStore::~RocksDbStore() = default;

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    const std::string& dir) {
  ASSIGN_OR_RETURN(std::unique_ptr<rocksdb::DB> db, OpenDb(dir));
  auto store =
      std::unique_ptr<RocksDbStore>(new RocksDbStore(dir, std::move(db)));
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
  return FromRocksDb(db_->Write(Synced(), &writes),
                     "writing to the store in " + dir_);
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

absl::Status OverwriteFormatForTest(const std::string& dir, int format) {
  ASSIGN_OR_RETURN(std::unique_ptr<rocksdb::DB> db, OpenDb(dir));
  return FromRocksDb(db->Put(Synced(), FormatKey(), absl::StrCat(format)),
                     "writing a format number in " + dir);
}

}  // namespace nevus
