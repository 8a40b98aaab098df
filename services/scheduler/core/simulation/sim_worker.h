// A simulated worker: asks for a task, sends heartbeats while it works, writes
// the result to the store, reports. It falls silent (SIGSTOP) and dies.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_WORKER_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_WORKER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "services/scheduler/core/simulation/sim_scheduler.h"
#include "services/scheduler/core/simulation/sim_store.h"
#include "services/scheduler/core/simulation/world.h"

namespace nevus::scheduler {

class SimWorker {
 public:
  SimWorker(World& world, SimScheduler& scheduler, SimStore& store,
            std::string host);

  // Nothing moves in it until then; messages wait.
  void Stop(absl::Duration time) { stopped_until_ = world_.now() + time; }
  // Another process with another name starts after it.
  void Die();

 private:
  // Calls `action` later, unless what the worker does now is over by then.
  void Later(absl::Duration delay, Action action);
  // The same for an answer, which travels.
  void Answer(int64_t work, Action action);

  void Ask();
  void Begin(const Grant& grant);
  void Beat(int64_t done);
  void WriteResult();
  void Report(const Failure& failure);
  void DropIfLost(const absl::Status& status);
  std::string name() const;

  World& world_;
  SimScheduler& scheduler_;
  SimStore& store_;
  const std::string host_;
  int lives_ = 1;
  int64_t work_ = 0;  // grows whenever it begins something else
  Grant grant_;
  absl::Time stopped_until_ = absl::InfinitePast();
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_WORKER_H_
