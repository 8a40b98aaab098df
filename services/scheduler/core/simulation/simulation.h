// One history of a whole system, from a seed: clients that submit jobs and
// watch them, a scheduler, workers, a store, and what goes wrong with them for
// three minutes. Afterwards all of it must come to its end.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIMULATION_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/scheduler/core/simulation/sim_scheduler.h"
#include "services/scheduler/core/simulation/sim_store.h"
#include "services/scheduler/core/simulation/sim_worker.h"
#include "services/scheduler/core/simulation/world.h"

namespace nevus::scheduler {

// What the simulation must notice.
enum class Breakage { kNone, kNoSync, kNoFence };

class Simulation {
 public:
  Simulation(uint64_t seed, Breakage breakage);

  // Returns what should never have happened.
  std::vector<std::string> Play();

  // What happened to jobs: states, and reasons of errors.
  std::set<std::string> Happened() const;

 private:
  static constexpr int kJobs = 6;
  static constexpr int kWorkers = 3;

  // A client asks until it is answered.
  void Submit(int number);
  Record NewRequest(int number);
  void WasSubmitted(int number, const std::string& id);
  // Reads the events after those that it has, again and again.
  void Watch(const std::string& id);
  // Cancels or retries something, now and then.
  void Interfere();

  void GoWrong();
  void CheckStore();
  void CheckEnd();

  World world_;
  SimStore store_;
  SimScheduler scheduler_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::map<int, std::string> submitted_;  // acknowledged, by request
  std::map<std::string, std::vector<std::string>> seen_;  // events, by job
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIMULATION_H_
