// A disk in memory, below RocksDB, that does what bad and unlucky disks do: it
// forgets all that was not synced when the power goes, is full, fails.
//
// It holds a tree of files and directories twice: as programs see it, and as it
// would be found after a power loss. A file's bytes pass from one to the other
// by syncing the file; its name, a renaming or a removal, by syncing its
// directory, and neither by the other. RocksDB sees a
// rocksdb::FileSystem (in RocksDbOptions::env); tests see this.
#ifndef NEVUS_STORAGE_ENGINE_TESTING_FAULTY_FILE_SYSTEM_H_
#define NEVUS_STORAGE_ENGINE_TESTING_FAULTY_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rocksdb {
class Env;
class FileSystem;
}  // namespace rocksdb

namespace nevus {

class FaultyFiles;

// Thread-safe, but for LosePower.
class FaultyFileSystem {
 public:
  FaultyFileSystem();
  ~FaultyFileSystem();
  FaultyFileSystem(const FaultyFileSystem&) = delete;
  FaultyFileSystem& operator=(const FaultyFileSystem&) = delete;

  // For RocksDbOptions: these files, and a clock that does not sleep (RocksDB
  // rests for a second after each error). Both may outlive this.
  std::shared_ptr<rocksdb::Env> env() const;
  std::shared_ptr<rocksdb::FileSystem> file_system() const;

  // How many operations there were that change something: writes, syncs, and
  // all that makes, removes or renames a file or directory.
  int64_t operations() const;
  // `count` more such operations succeed; then every operation fails, reading
  // too, until LosePower.
  void CutAfter(int64_t count);
  bool is_cut() const;

  // The power goes and comes back. What was synced is there; of what was not, a
  // beginning of each file's new bytes and of each directory's changes, drawn
  // by `seed`; with seed 0 nothing. Files that are open stay unusable. Lifts
  // all that was asked of this disk. REQUIRES: no operation is running.
  void LosePower(uint64_t seed);

  // `bytes` more can be written, the last of them in a write cut short; then
  // writing and making files fails with NoSpace. Removing files frees nothing.
  void LimitSpace(int64_t bytes);
  // The same for a quota (EDQUOT), which GetFreeSpace does not know of.
  void LimitQuota(int64_t bytes);
  void LiftLimit();
  // The n-th write from now (1: the next) of at least so many bytes finds no
  // space; those after it do.
  void BeFullOnce(int64_t n, size_t least_bytes);

  // The n-th write or sync from now (1: the next) fails once with an IOError.
  void FailWrite(int64_t n);
  void FailSync(int64_t n);

 private:
  const std::shared_ptr<FaultyFiles> files_;
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_TESTING_FAULTY_FILE_SYSTEM_H_
