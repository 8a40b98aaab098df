#include "storage/engine/testing/open_files.h"

#include <utility>

namespace nevus {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

class SequentialFile : public rocksdb::FSSequentialFile {
 public:
  explicit SequentialFile(OpenNode open) : open_(std::move(open)) {}
  IOStatus Read(size_t count, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) override {
    IOStatus read =
        open_.disk->Read(*open_.node, at_, count, result, scratch, open_.life);
    at_ += result->size();
    return read;
  }
  IOStatus Skip(uint64_t count) override {
    at_ += count;
    return IOStatus::OK();
  }

 private:
  const OpenNode open_;
  size_t at_ = 0;
};

class RandomAccessFile : public rocksdb::FSRandomAccessFile {
 public:
  explicit RandomAccessFile(OpenNode open) : open_(std::move(open)) {}
  IOStatus Read(uint64_t offset, size_t count, const IOOptions&, Slice* result,
                char* scratch, IODebugContext*) const override {
    return open_.disk->Read(*open_.node, offset, count, result, scratch,
                            open_.life);
  }

 private:
  const OpenNode open_;
};

class WritableFile : public rocksdb::FSWritableFile {
 public:
  explicit WritableFile(OpenNode open) : open_(std::move(open)) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&,
                  IODebugContext*) override {
    return open_.disk->Append(*open_.node, data, open_.life);
  }
  IOStatus Allocate(uint64_t offset, uint64_t size, const IOOptions&,
                    IODebugContext*) override {
    return open_.disk->Allocate(offset + size);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    return open_.disk->Truncate(*open_.node, size, open_.life);
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return open_.disk->Sync(*open_.node, open_.life);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override {
    return open_.disk->SizeOf(*open_.node);
  }

 private:
  const OpenNode open_;
};

class NoWritableFile : public rocksdb::FSWritableFile {
 public:
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice&, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }
};

class Directory : public rocksdb::FSDirectory {
 public:
  explicit Directory(OpenNode open) : open_(std::move(open)) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return open_.disk->Sync(*open_.node, open_.life);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  const OpenNode open_;
};

}  // namespace

std::unique_ptr<rocksdb::FSSequentialFile> SequentialFileOf(OpenNode open) {
  return std::make_unique<SequentialFile>(std::move(open));
}
std::unique_ptr<rocksdb::FSRandomAccessFile> RandomAccessFileOf(OpenNode open) {
  return std::make_unique<RandomAccessFile>(std::move(open));
}
std::unique_ptr<rocksdb::FSWritableFile> WritableFileOf(OpenNode open) {
  return std::make_unique<WritableFile>(std::move(open));
}
std::unique_ptr<rocksdb::FSWritableFile> NoFile() {
  return std::make_unique<NoWritableFile>();
}
std::unique_ptr<rocksdb::FSDirectory> DirectoryOf(OpenNode open) {
  return std::make_unique<Directory>(std::move(open));
}

}  // namespace nevus
