// What must be in a store after a power loss, to the last byte: this test's own
// list of what was acknowledged. A batch is pending before it is written and
// settled when the store has said OK; after the power is back each pending
// batch is there whole or not at all, and all that was settled is there.
#ifndef NEVUS_TESTS_CHAOS_POWER_LOSS_ORACLE_H_
#define NEVUS_TESTS_CHAOS_POWER_LOSS_ORACLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

// For stores whose writers wait for each other. Thread-compatible.
class Oracle {
 public:
  void Pending(const std::vector<Mutation>& batch) { pending_ = batch; }
  void Settle();

  // After the power is back: compares all of `store`; decides which became of
  // the pending batch. DATA_LOSS naming the first key that is not as it should
  // be.
  absl::Status Compare(const KeyValueStore& store);

  int64_t settled() const { return settled_; }

 private:
  std::map<std::string, std::string> rows_;
  std::optional<std::vector<Mutation>> pending_;
  int64_t settled_ = 0;
};

// A store that tells an oracle what is written through it.
class RecordingStore : public KeyValueStore {
 public:
  // Both must outlive this.
  RecordingStore(KeyValueStore& store, Oracle& oracle)
      : store_(store), oracle_(oracle) {}

  absl::StatusOr<std::string> Get(const std::string& key) const override {
    return store_.Get(key);
  }
  absl::Status Apply(std::vector<Mutation> batch) override {
    oracle_.Pending(batch);
    const absl::Status status = store_.Apply(std::move(batch));
    if (status.ok()) oracle_.Settle();
    return status;
  }
  absl::Status Scan(const std::string& prefix, const std::string& start_after,
                    const Visitor& visit) const override {
    return store_.Scan(prefix, start_after, visit);
  }

 private:
  KeyValueStore& store_;
  Oracle& oracle_;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_CHAOS_POWER_LOSS_ORACLE_H_
