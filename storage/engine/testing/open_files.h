// Open files and directories of a disk in memory, as RocksDB holds them. What
// they do is decided by the disk (faulty_file_system.cc).
#ifndef NEVUS_STORAGE_ENGINE_TESTING_OPEN_FILES_H_
#define NEVUS_STORAGE_ENGINE_TESTING_OPEN_FILES_H_

#include <rocksdb/file_system.h>
#include <rocksdb/io_status.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/engine/testing/disk_tree.h"

namespace nevus {

// What open files ask of their disk. `life` is the one they were opened in: it
// ends when the power goes. Thread-safe.
class DiskAccess {
 public:
  virtual ~DiskAccess() = default;
  virtual rocksdb::IOStatus Read(const DiskNode& file, size_t offset,
                                 size_t count, rocksdb::Slice* result,
                                 char* scratch, int64_t life) = 0;
  virtual rocksdb::IOStatus Append(DiskNode& file, const rocksdb::Slice& data,
                                   int64_t life) = 0;
  // Whether a file of this size would find space; takes none.
  virtual rocksdb::IOStatus Allocate(size_t bytes) = 0;
  virtual rocksdb::IOStatus Truncate(DiskNode& file, size_t size,
                                     int64_t life) = 0;
  virtual rocksdb::IOStatus Sync(DiskNode& node, int64_t life) = 0;
  virtual uint64_t SizeOf(const DiskNode& file) = 0;
};

struct OpenNode {
  std::shared_ptr<DiskAccess> disk;
  std::shared_ptr<DiskNode> node;
  int64_t life = 0;
};

std::unique_ptr<rocksdb::FSSequentialFile> SequentialFileOf(OpenNode open);
std::unique_ptr<rocksdb::FSRandomAccessFile> RandomAccessFileOf(OpenNode open);
std::unique_ptr<rocksdb::FSWritableFile> WritableFileOf(OpenNode open);
// Takes all and keeps nothing.
std::unique_ptr<rocksdb::FSWritableFile> NoFile();
std::unique_ptr<rocksdb::FSDirectory> DirectoryOf(OpenNode open);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_TESTING_OPEN_FILES_H_
