// A KeyValueStore in memory, for tests. It passes the suite that the engine on
// disk passes (conformance.h), so it is as honest.
#ifndef NEVUS_STORAGE_TESTING_MEMORY_STORE_H_
#define NEVUS_STORAGE_TESTING_MEMORY_STORE_H_

#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Thread-safe.
class MemoryStore : public KeyValueStore {
 public:
  absl::StatusOr<std::string> Get(const std::string& key) const override;
  absl::Status Apply(std::vector<Mutation> batch) override;
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override;

  // Flips a bit in the middle of the value of `key`. REQUIRES: there is one.
  void Damage(const std::string& key);
  // All that is there.
  std::map<std::string, std::string> rows() const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::string> rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_TESTING_MEMORY_STORE_H_
