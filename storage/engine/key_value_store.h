// What every store of ours stands on: ordered keys, and batches that are
// written whole, synced, or not at all. Images, datasets, features, models,
// backbones and jobs are keys and values here; this file knows none of them,
// and no engine.
#ifndef NEVUS_STORAGE_ENGINE_KEY_VALUE_STORE_H_
#define NEVUS_STORAGE_ENGINE_KEY_VALUE_STORE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace nevus {

// One change: `value` under `key`, or no value.
struct Mutation {
  std::string key;
  std::optional<std::string> value;
};

// Keys and values are bytes, keys in order of unsigned bytes. A key is not
// empty and does not begin with a zero byte: those are the engine's own.
//
// Thread-safe. Every engine passes storage/testing/conformance.h.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  // Errors: NOT_FOUND; DATA_LOSS: the stored bytes are damaged, naming the key.
  virtual absl::StatusOr<std::string> Get(const std::string& key) const = 0;

  // Applies all of `batch` or none of it, in order. When it returns OK the
  // batch survives a crash of the process and of the machine. Errors:
  // INVALID_ARGUMENT: a reserved key; RESOURCE_EXHAUSTED: the disk is full.
  virtual absl::Status Apply(std::vector<Mutation> batch) = 0;

  // Calls `visit` for each key that begins with `prefix` and comes after
  // `start_after`, in order, until it returns false. Sees the store as it was
  // when the scan began. Errors: DATA_LOSS.
  using Visitor = std::function<bool(std::string_view key,  //
                                     std::string_view value)>;
  virtual absl::Status Scan(const std::string& prefix,
                            const std::string& start_after,
                            const Visitor& visit) const = 0;
};

// INVALID_ARGUMENT if a key of `batch` is empty or reserved. For engines.
absl::Status CheckKeys(const std::vector<Mutation>& batch);

}  // namespace nevus

#endif  // NEVUS_STORAGE_ENGINE_KEY_VALUE_STORE_H_
