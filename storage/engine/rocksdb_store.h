// The engine on disk: RocksDB, with values from 1 KiB on in blob files. The
// only code that knows RocksDB; the layout is in docs/storage_format.md.
#ifndef NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_
#define NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/engine/key_value_store.h"

namespace rocksdb {
class DB;
}

namespace nevus {

// The format that this program writes. Raise it with every change of a key
// layout or value that an older program would misread.
constexpr int kStorageFormat = 1;

// Thread-safe. Concurrent Apply calls share one sync (RocksDB's group commit).
class RocksDbStore : public KeyValueStore {
 public:
  // Opens the store in `dir`, which is made, with its parents, if it is not
  // there. Errors: FAILED_PRECONDITION: another process has it open
  // (STORE_LOCKED), or a newer program wrote it (STORE_FORMAT_NEWER);
  // DATA_LOSS: its files are damaged.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(
      const std::string& dir);
  ~RocksDbStore() override;

  absl::StatusOr<std::string> Get(const std::string& key) const override;
  absl::Status Apply(std::vector<Mutation> batch) override;
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override;

 private:
  RocksDbStore(std::string dir, std::unique_ptr<rocksdb::DB> db);
  absl::Status CheckFormat();

  const std::string dir_;
  const std::unique_ptr<rocksdb::DB> db_;
};

// Writes `format` as the format of the closed store in `dir`. For the tests of
// refusal: the one way to make a store that looks newer than this program.
absl::Status OverwriteFormatForTest(const std::string& dir, int format);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_ROCKSDB_STORE_H_
