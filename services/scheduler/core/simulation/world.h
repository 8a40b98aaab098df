// The simulated machine room: a clock that moves from one action to the next, a
// network that loses, doubles and delays, disks that forget what was not
// synced. One thread, one seed: the same seed, the same history.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_WORLD_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace nevus::scheduler {

using Action = std::function<void()>;

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  absl::Time now() const { return now_; }
  int Draw(int below) {
    return static_cast<int>(random_() % static_cast<uint64_t>(below));
  }
  // False for ever once the faults have stopped.
  bool Fault(int one_in) { return faults_ && Draw(one_in) == 0; }
  absl::Duration Between(absl::Duration least, absl::Duration most) {
    return least + (most - least) * Draw(1001) / 1000;
  }

  void After(absl::Duration delay, Action action);
  // A message: `arrive` is called later, or twice, or never.
  void Send(const Action& arrive);
  void StopFaults() { faults_ = false; }

  // Plays all that happens before `until`.
  void PlayUntil(absl::Time until);

  // What must never happen has happened.
  void Violation(const std::string& what);
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  struct Later {
    absl::Time at;
    int64_t order;  // of equals the first planned comes first
    Action action;
    bool operator<(const Later& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };

  std::mt19937_64 random_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  bool faults_ = true;
  int64_t planned_ = 0;
  std::priority_queue<Later> later_;
  std::vector<std::string> violations_;
};

// Keys and values; a crash brings back what the last Sync left.
template <typename Value>
class Disk {
 public:
  void Write(const std::string& key, Value value) {
    rows_[key] = std::move(value);
    unsynced_.insert(key);
  }
  void Sync() {
    for (const std::string& key : unsynced_) synced_[key] = rows_[key];
    unsynced_.clear();
  }
  void Crash() {
    for (const std::string& key : unsynced_) {
      const auto found = synced_.find(key);
      if (found == synced_.end()) {
        rows_.erase(key);
      } else {
        rows_[key] = found->second;
      }
    }
    unsynced_.clear();
  }
  const std::map<std::string, Value>& rows() const { return rows_; }

 private:
  std::map<std::string, Value> rows_;
  std::map<std::string, Value> synced_;
  std::set<std::string> unsynced_;
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_WORLD_H_
