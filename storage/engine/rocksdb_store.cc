#include "storage/engine/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/file_system.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/live_db.h"
#include "storage/engine/rocksdb_status.h"

namespace nevus {
namespace {

const std::string& FormatKey() {
  static const auto* const key = new std::string("\0format", 7);
  return *key;
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

RocksDbStore::RocksDbStore(std::unique_ptr<LiveDb> db) : db_(std::move(db)) {}

RocksDbStore::~RocksDbStore() = default;

absl::StatusOr<std::unique_ptr<RocksDbStore>> RocksDbStore::Open(
    const std::string& dir, const RocksDbOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<LiveDb> db, LiveDb::Open(dir, options));
  auto store = std::unique_ptr<RocksDbStore>(new RocksDbStore(std::move(db)));
  RETURN_IF_ERROR(store->CheckFormat());
  return store;
}

absl::Status RocksDbStore::CheckFormat() {
  const std::string what = "the format number of the store in " + db_->dir();
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  std::string text;
  const rocksdb::Status status =
      db->Get(rocksdb::ReadOptions(), FormatKey(), &text);
  if (status.IsNotFound()) {
    return FromRocksDb(
        db->Put(Synced(), FormatKey(), absl::StrCat(kStorageFormat)), what);
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
                          "the store in ", db_->dir(), " has format ", format,
                          "; this program knows formats up to ", kStorageFormat,
                          ": start the newer program that wrote it")),
                      "STORE_FORMAT_NEWER",
                      {{"format", absl::StrCat(format)},
                       {"newest_known", absl::StrCat(kStorageFormat)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> RocksDbStore::Get(const std::string& key) const {
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  std::string value;
  RETURN_IF_ERROR(FromRocksDb(db->Get(rocksdb::ReadOptions(), key, &value),
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
  return FromRocksDb(db_->Write(Synced(), writes),
                     "writing to the store in " + db_->dir());
}

absl::Status RocksDbStore::Scan(const std::string& prefix,
                                const std::string& start_after,
                                const Visitor& visit) const {
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  const std::unique_ptr<rocksdb::Iterator> at(
      db->NewIterator(rocksdb::ReadOptions()));
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
  const std::string what = "copying the store in " + db_->dir() + " to " + dir;
  rocksdb::FileSystem& files = db_->files();
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  if (files.FileExists(dir, rocksdb::IOOptions(), nullptr).ok()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            dir, " is there already; back up into a directory of its own")),
        "BACKUP_EXISTS");
  }
  const std::string parent = std::filesystem::path(dir).parent_path().string();
  RETURN_IF_ERROR(FromRocksDb(MakeDirectory(files, parent), what));
  rocksdb::Checkpoint* made = nullptr;
  RETURN_IF_ERROR(FromRocksDb(rocksdb::Checkpoint::Create(&*db, &made), what));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  // Never flushes: the log, where every acknowledged write is, is copied too.
  constexpr uint64_t kNeverFlush = std::numeric_limits<uint64_t>::max();
  RETURN_IF_ERROR(
      FromRocksDb(checkpoint->CreateCheckpoint(dir, kNeverFlush), what));
  // Its entry in the parent.
  return FromRocksDb(MakeDirectory(files, dir), what);
}

absl::Status RocksDbStore::Reclaim(const std::string& prefix) const {
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  // No byte of ours is larger.
  const std::string end = prefix + '\xff';
  const rocksdb::Slice first(prefix), last(end);
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  // Down to the last level, where deletions end.
  options.bottommost_level_compaction =
      rocksdb::BottommostLevelCompaction::kForce;
  return FromRocksDb(db->CompactRange(options, &first, &last),
                     "giving back the space below " + Quoted(prefix));
}

absl::Status OverwriteFormatForTest(const std::string& dir, int format) {
  ASSIGN_OR_RETURN(const std::unique_ptr<LiveDb> live, LiveDb::Open(dir, {}));
  ASSIGN_OR_RETURN(const LiveDb::Use db, live->Acquire());
  return FromRocksDb(db->Put(Synced(), FormatKey(), absl::StrCat(format)),
                     "writing a format number in " + dir);
}

}  // namespace nevus
