// The jobs that the scheduler has in memory: whole ones that have not ended, a
// few words about those that have (the store holds them). An index over them;
// it decides nothing and does no I/O.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_JOB_TABLE_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_JOB_TABLE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/job.h"
#include "services/scheduler/core/job_queue.h"
#include "services/scheduler/shell/job_figures.h"
#include "services/scheduler/shell/live_job.h"

namespace nevus {

// Thread-compatible: the scheduler's lock guards it and all entries.
class JobTable {
 public:
  scheduler::JobQueue& queue() { return queue_; }
  const scheduler::JobQueue& queue() const { return queue_; }

  void Add(const JobRef& entry);
  void Remove(JobEntry& entry);
  // Says where the job stands: `state`, which may be one that is not stored
  // yet. REQUIRES: entry.live.
  void Place(JobEntry& entry, const scheduler::Job& state);
  // The same for a job that had ended when it was loaded.
  void PlaceEnded(JobEntry& entry);

  // Null if there is none.
  JobRef Find(const std::string& id) const;
  JobRef FindRequest(const std::string& request_id) const;
  JobRef At(scheduler::JobQueue::Number number) const;
  // At most `count` stored jobs with smaller numbers, newest first.
  std::vector<JobRef> Before(scheduler::JobQueue::Number number,
                             size_t count) const;
  // The newest number ever given.
  scheduler::JobQueue::Number newest() const { return newest_; }
  // Unfinished jobs that depend on this one, whether they still wait or not.
  std::vector<JobRef> Dependents(const std::string& id) const;
  // All that have not ended.
  std::vector<JobRef> Unfinished() const;
  JobFigures Count(absl::Time now) const;
  // Ended jobs, longest ago first, that no unfinished one depends on: those
  // beyond the `keep` that ended last and those that ended by `before`; at most
  // `count`.
  std::vector<JobRef> Prunable(int64_t keep, absl::Time before,
                               size_t count) const;

 private:
  void Need(JobEntry& entry, bool needs);

  scheduler::JobQueue queue_;
  std::unordered_map<std::string, JobRef> by_id_;
  std::unordered_map<std::string, JobRef> by_request_;
  std::map<scheduler::JobQueue::Number, JobRef> by_number_;
  std::set<scheduler::JobQueue::Number> unfinished_;
  std::set<std::pair<absl::Time, scheduler::JobQueue::Number>> ended_;
  // By the id of a job: numbers of unfinished ones that depend on it.
  std::unordered_map<std::string, std::set<scheduler::JobQueue::Number>>
      dependents_;
  scheduler::JobQueue::Number newest_ = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_JOB_TABLE_H_
