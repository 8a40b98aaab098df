// RocksDbStore::Verify: goes on behind damage, so that one damaged file does
// not hide another.
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "storage/engine/live_db.h"
#include "storage/engine/rocksdb_status.h"
#include "storage/engine/rocksdb_store.h"

namespace nevus {
namespace {

// The smallest key after `key`.
std::string Successor(const rocksdb::Slice& key) {
  return key.ToString() + '\0';
}

class Verification {
 public:
  Verification(rocksdb::DB& db, const VerifyVisitor& visit)
      : db_(db), visit_(visit) {}

  absl::Status Run() {
    db_.GetLiveFilesMetaData(&tables_);
    RETURN_IF_ERROR(CheckTables());
    return CheckValues();
  }

 private:
  absl::Status Tell(const std::string& damage) {
    progress_.damage = damage;
    if (visit_(progress_)) return absl::OkStatus();
    return absl::CancelledError("the verification was ended");
  }

  // Every block of every table, also those that no key of today leads to.
  absl::Status CheckTables() {
    for (const rocksdb::LiveFileMetaData& table : tables_) {
      rocksdb::SstFileReader reader(db_.GetOptions());
      rocksdb::Status status =
          reader.Open(table.directory + "/" + table.relative_filename);
      if (status.ok()) status = reader.VerifyChecksum(rocksdb::ReadOptions());
      if (status.ok()) continue;
      RETURN_IF_ERROR(
          Tell(absl::StrCat(table.relative_filename, ": ", status.ToString())));
    }
    return absl::OkStatus();
  }

  absl::Status CheckValues() {
    rocksdb::ReadOptions strict;
    strict.fill_cache = false;
    std::string from = "\x01";  // what is before is the engine's own
    for (;;) {
      const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(strict));
      for (at->Seek(from); at->Valid(); at->Next()) {
        from = Successor(at->key());
        RETURN_IF_ERROR(Check(*at));
      }
      if (at->status().ok()) return absl::OkStatus();
      const std::string why = at->status().ToString();
      std::string next = NameOfNext(from);
      if (!next.empty()) {
        RETURN_IF_ERROR(Tell(absl::StrCat(Quoted(next), ": ", why)));
        from = Successor(next);
        continue;
      }
      next = NextTableEdge(from);
      RETURN_IF_ERROR(Tell(
          absl::StrCat("the keys from ", Quoted(from),
                       next.empty() ? " to the end" : " to " + Quoted(next),
                       " cannot be read: ", why)));
      if (next.empty()) return absl::OkStatus();
      from = std::move(next);
    }
  }

  absl::Status Check(const rocksdb::Iterator& at) {
    const std::string_view value(at.value().data(), at.value().size());
    ++progress_.values;
    progress_.bytes += static_cast<int64_t>(value.size());
    const absl::Status sound =
        CheckValue({at.key().data(), at.key().size()}, value);
    return Tell(sound.ok() ? "" : std::string(sound.message()));
  }

  // The first key from `from` on, whose value cannot be read; "" if the key
  // cannot either. Without checksums, since it is for its name alone.
  std::string NameOfNext(const std::string& from) const {
    rocksdb::ReadOptions lenient;
    lenient.verify_checksums = false;
    lenient.fill_cache = false;
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(lenient));
    at->Seek(from);
    return at->Valid() && at->key().compare(from) >= 0 ? at->key().ToString()
                                                       : "";
  }

  // Where a table begins or has ended, the first after `from`; "" if none.
  std::string NextTableEdge(const std::string& from) const {
    std::string next;
    const auto offer = [&](const std::string& edge) {
      if (edge > from && (next.empty() || edge < next)) next = edge;
    };
    for (const rocksdb::LiveFileMetaData& table : tables_) {
      offer(table.smallestkey);
      offer(Successor(table.largestkey));
    }
    return next;
  }

  rocksdb::DB& db_;
  const VerifyVisitor& visit_;
  std::vector<rocksdb::LiveFileMetaData> tables_;
  VerifyProgress progress_;
};

// Files that are looked at must not be compacted away. Counted by RocksDB.
class KeepFiles {
 public:
  explicit KeepFiles(rocksdb::DB& db) : db_(db) { db_.DisableFileDeletions(); }
  ~KeepFiles() { db_.EnableFileDeletions(/*force=*/false); }
  KeepFiles(const KeepFiles&) = delete;
  KeepFiles& operator=(const KeepFiles&) = delete;

 private:
  rocksdb::DB& db_;
};

}  // namespace

absl::Status RocksDbStore::Verify(const VerifyVisitor& visit) const {
  const std::string what = "verifying the store in " + db_->dir();
  if (db_->is_full()) return FromRocksDb(rocksdb::Status::NoSpace(), what);
  ASSIGN_OR_RETURN(const LiveDb::Use db, db_->Acquire());
  // What is in memory only would be read from there.
  RETURN_IF_ERROR(FromRocksDb(db->Flush(rocksdb::FlushOptions()), what));
  const KeepFiles keep(*db);
  return Verification(*db, visit).Run();
}

}  // namespace nevus
