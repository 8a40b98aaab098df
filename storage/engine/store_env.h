// The files that a store's RocksDB sees: those of the machine, or of a test,
// but for what RocksDB 7.8 gets wrong on a full disk:
//
// - A quota that is reached (EDQUOT) is a full disk. RocksDB knows only ENOSPC.
// - RocksDB's own LOG loses lines instead of failing. RocksDB's logger writes
//   on to a file after a write to it failed, which WritableFileWriter forbids
//   by an assertion: a library built with assertions, as Debian's is, aborts
//   the process at the first thing that it logs about the full disk.
//
// Private to the engine.
#ifndef NEVUS_STORAGE_ENGINE_STORE_ENV_H_
#define NEVUS_STORAGE_ENGINE_STORE_ENV_H_

#include <rocksdb/env.h>

#include <memory>

namespace nevus {

// Files and clock of `below`, which is no longer needed afterwards. Must
// outlive the databases that use it.
std::unique_ptr<rocksdb::Env> MakeStoreEnv(rocksdb::Env& below);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_STORE_ENV_H_
