// What RocksDB says, as our codes and reasons. Private to the engine.
#ifndef NEVUS_STORAGE_ENGINE_ROCKSDB_STATUS_H_
#define NEVUS_STORAGE_ENGINE_ROCKSDB_STATUS_H_

#include <rocksdb/status.h>

#include <string>

#include "absl/status/status.h"

namespace nevus {

// `what` names what was read or written. NOT_FOUND; DATA_LOSS (STORE_DAMAGED);
// RESOURCE_EXHAUSTED (DISK_FULL) with a delay after which a retry may succeed;
// INTERNAL (DISK_FAILED) for a disk that does not do what it is told.
absl::Status FromRocksDb(const rocksdb::Status& status,
                         const std::string& what);

// The same for opening the store in `dir`, where a lock may be held elsewhere
// (STORE_LOCKED) and a file that is not there is damage.
absl::Status OpenError(const rocksdb::Status& status, const std::string& dir);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_ROCKSDB_STATUS_H_
