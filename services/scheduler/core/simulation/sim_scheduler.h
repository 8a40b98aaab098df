// The scheduler's core and queue in a simulated process: it stores, then
// answers, as the shell does, and crashes in between.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_SCHEDULER_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "services/scheduler/core/job_machine.h"
#include "services/scheduler/core/job_queue.h"
#include "services/scheduler/core/simulation/world.h"

namespace nevus::scheduler {

// What is stored of a job.
struct Record {
  std::string request_id;
  int64_t number = 0;
  int priority = 0;
  absl::Time submitted;
  std::vector<std::string> depends_on;
  Job job;
  std::vector<std::string> events;  // number 1 is the first
};

struct Grant {
  std::string job;
  int task = 0;
  int64_t token = 0;
};

class SimScheduler {
 public:
  // Without syncs the simulation must find what goes wrong.
  SimScheduler(World& world, bool syncs);

  // Messages. None is answered while it is down or if it crashes over it.
  void Submit(const Record& request,
              const std::function<void(std::string id)>& answer);
  void LeaseTask(const std::string& worker,
                 const std::function<void(std::optional<Grant>)>& answer);
  void Report(const std::string& job, const Event& event,
              const std::function<void(absl::Status)>& answer);
  void WorkerHasDied(const std::string& worker);
  // Events after number `after`.
  void Watch(const std::string& job, int64_t after,
             const std::function<void(std::vector<std::string>)>& answer);

  void Crash();

  // What a crash would leave, but for what is not synced yet.
  const std::map<std::string, Record>& records() const { return disk_.rows(); }
  const Policy& policy() const { return policy_; }
  // All jobs have ended.
  bool IsIdle() const;

 private:
  // What is lost in a crash.
  struct Memory {
    std::map<std::string, Job> jobs;  // newer than stored by leases only
    std::map<int64_t, std::string> by_number;
    JobQueue queue;
    std::map<std::string, absl::Time> heard;  // of workers
  };

  void Start();
  void TickEverySecond();
  // Empty: it crashed.
  std::optional<absl::Status> Apply(const std::string& id, const Event& event);
  bool Store(const std::string& id, const Record& record);
  void Install(const std::string& id, const Job& job);
  bool TellDependents(const std::string& id, JobState state);
  int WorkersConnected() const;
  void CheckReasons();

  World& world_;
  const bool syncs_;
  const Policy policy_;
  Disk<Record> disk_;
  std::unique_ptr<Memory> memory_;  // null: it is down
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_SIMULATION_SIM_SCHEDULER_H_
