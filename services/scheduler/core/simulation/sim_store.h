// Where simulated workers write what they made: the fence, a disk that is full
// at times, and crashes.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_STORE_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_STORE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/scheduler/core/simulation/world.h"

namespace nevus::scheduler {

class SimStore {
 public:
  enum class Answer { kWritten, kStale, kDiskFull };

  // Without the fence the simulation must find what goes wrong.
  SimStore(World& world, bool has_fence)
      : world_(world), has_fence_(has_fence) {}

  // No answer at all if it is down, or crashes before or after the sync.
  void Write(const std::string& job, int task, int64_t token,
             const std::function<void(Answer)>& answer) {
    if (is_down_) return;
    const std::string key = Key(job, task);
    if (has_fence_ && token < TokenOf(job, task)) return answer(Answer::kStale);
    if (is_full_) return answer(Answer::kDiskFull);
    disk_.Write(key, token);
    if (world_.Fault(200)) return Crash();
    disk_.Sync();
    if (world_.Fault(200)) return Crash();
    answer(Answer::kWritten);
  }

  // Of who wrote the result that is there; 0 if there is none.
  int64_t TokenOf(const std::string& job, int task) const {
    const auto found = disk_.rows().find(Key(job, task));
    return found == disk_.rows().end() ? 0 : found->second;
  }

  void Crash() {
    disk_.Crash();
    is_down_ = true;
    world_.After(world_.Between(absl::Milliseconds(100), absl::Seconds(5)),
                 [this] { is_down_ = false; });
  }
  void set_full(bool is_full) { is_full_ = is_full; }

 private:
  static std::string Key(const std::string& job, int task) {
    return absl::StrCat(job, "/", task);
  }

  World& world_;
  const bool has_fence_;
  bool is_down_ = false;
  bool is_full_ = false;
  Disk<int64_t> disk_;
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_STORE_H_
