// The engine on disk: RocksDB, with values from 1 KiB on in blob files. The
// only code that knows RocksDB; the layout is in docs/storage_format.md.
#ifndef NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_
#define NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/engine/key_value_store.h"
#include "storage/engine/value_check.h"

namespace rocksdb {
class Env;
}

namespace nevus {

class LiveDb;

// The format that this program writes. Raise it with every change of a key
// layout or value that an older program would misread.
constexpr int kStorageFormat = 1;

struct RocksDbOptions {
  // What the files are read and written through; null: the machine's own. For
  // tests of bad disks (storage/engine/testing).
  std::shared_ptr<rocksdb::Env> env;
  // When this much is in memory (and in the log), a table is written.
  size_t write_buffer_bytes = 64 << 20;
};

// Thread-safe. Concurrent Apply calls share one sync (RocksDB's group commit).
//
// A full disk refuses writes with DISK_FULL until there is space, then goes on
// by itself. After any other failed write nothing more is stored until the
// store is opened again (DISK_FAILED): what the disk holds is not known.
class RocksDbStore : public KeyValueStore {
 public:
  // Opens the store in `dir`, which is made, with its parents and synced, if it
  // is not there. Errors: FAILED_PRECONDITION: another process has it open
  // (STORE_LOCKED), or a newer program wrote it (STORE_FORMAT_NEWER);
  // DATA_LOSS: its files are damaged.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(
      const std::string& dir, const RocksDbOptions& options = {});
  ~RocksDbStore() override;

  absl::StatusOr<std::string> Get(const std::string& key) const override;
  absl::Status Apply(std::vector<Mutation> batch) override;
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override;

  // Makes `dir`, an absolute path that must not be there, a store with all that
  // was acknowledged when this was called, synced, while others read and
  // write. On the same file system finished files are shared as hard links.
  // Errors: ALREADY_EXISTS (BACKUP_EXISTS); RESOURCE_EXHAUSTED (DISK_FULL).
  // A failed checkpoint leaves no `dir`.
  absl::Status Checkpoint(const std::string& dir) const;

  // Gives the file system back what deleted values below `prefix` took, which
  // else comes back little by little as the store is written to. Reads and
  // writes what is left there. Changes nothing that can be read.
  absl::Status Reclaim(const std::string& prefix) const;

  // Reads every file, key and value from the disk and checks every checksum,
  // RocksDB's and ours, telling `visit` of damage. CANCELLED: `visit` ended it.
  // Errors are those of writing: what is in memory is written first.
  absl::Status Verify(const VerifyVisitor& visit) const;

 private:
  explicit RocksDbStore(std::unique_ptr<LiveDb> db);
  absl::Status CheckFormat();

  const std::unique_ptr<LiveDb> db_;
};

// Writes `format` as the format of the closed store in `dir`. For the tests of
// refusal: the one way to make a store that looks newer than this program.
absl::Status OverwriteFormatForTest(const std::string& dir, int format);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_
