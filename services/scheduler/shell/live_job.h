// One job in memory, and what of it is stored and shown.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_LIVE_JOB_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_LIVE_JOB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job.h"
#include "services/scheduler/core/job_queue.h"
#include "storage/job/job_store.h"

namespace nevus {

// A job in memory.
struct LiveJob {
  v1::Job header;                   // as last stored, without tasks
  std::vector<std::string> titles;  // of its tasks; empty if none has one
  scheduler::Job state;             // the truth
  // Of a task's attempt with this token: the line of its log that comes next.
  struct LogPosition {
    int64_t fencing_token = 0;
    int64_t next_line = 1;
  };
  std::map<int, LogPosition> logs;
};

struct JobEntry {
  // Its time of submission in nanoseconds: no two have the same, so it orders
  // jobs, also after a restart.
  scheduler::JobQueue::Number number = 0;
  std::string id;
  std::string request_id;
  v1::WorkerKind kind = v1::WORKER_KIND_UNSPECIFIED;
  int priority = 0;
  scheduler::JobState state = scheduler::JobState::kPending;
  absl::Time end_time = absl::InfinitePast();
  int64_t last_event = 0;
  // Its creation is synced: it may be seen.
  bool stored = false;
  // It is being read or written, without the lock: wait.
  bool busy = false;
  // It is no longer in the table.
  bool gone = false;
  // Not there once it has ended.
  std::unique_ptr<LiveJob> live;
  // `busy`, `gone`, its state or its events.
  CondVar changed;
};
using JobRef = std::shared_ptr<JobEntry>;

// A job as the store gave it, with its tasks.
std::unique_ptr<LiveJob> LiveJobOf(v1::Job job);

// A new one; `job` is left as it was.
std::unique_ptr<LiveJob> NewLiveJob(v1::Job& job, scheduler::Job state);

// What has to be stored when `entry` becomes `next`, of which `tasks` differ.
// Numbers `events`. REQUIRES: entry.live.
JobChange ChangeOf(const JobEntry& entry, const scheduler::Job& next,
                   const std::vector<int>& tasks,
                   std::vector<v1::JobEvent> events, absl::Time now);

// Forgets what the store holds of an ended job.
inline void Rest(JobEntry& entry) {
  if (HasEnded(entry.state)) entry.live.reset();
}

// The job as it is, without the reason why it waits.
v1::Job HeaderOf(const LiveJob& live);
// The same for a header that was stored.
v1::Job Shown(v1::Job stored_header);
// Its tasks without their specs.
void ShowTasks(const LiveJob& live, v1::Job& shown);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_LIVE_JOB_H_
