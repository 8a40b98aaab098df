// A store whose n-th write fails, for tests that fail at every point.
#ifndef NEVUS_STORAGE_TESTING_FAILING_STORE_H_
#define NEVUS_STORAGE_TESTING_FAILING_STORE_H_

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// Thread-safe.
class FailingStore : public KeyValueStore {
 public:
  // The `fail_at`-th Apply (from 1) writes nothing and fails with UNAVAILABLE;
  // all else goes to `store`, which must outlive this.
  FailingStore(KeyValueStore& store, int fail_at)
      : store_(store), fail_at_(fail_at) {}

  bool fired() const { return writes_ >= fail_at_; }

  absl::StatusOr<std::string> Get(const std::string& key) const override {
    return store_.Get(key);
  }
  absl::Status Apply(std::vector<Mutation> batch) override {
    if (++writes_ == fail_at_) {
      return absl::UnavailableError("this write was made to fail");
    }
    return store_.Apply(std::move(batch));
  }
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override {
    return store_.Scan(prefix, start_after, visit);
  }

 private:
  KeyValueStore& store_;
  const int fail_at_;
  std::atomic<int> writes_{0};
};

}  // namespace nevus

#endif  // NEVUS_STORAGE_TESTING_FAILING_STORE_H_
