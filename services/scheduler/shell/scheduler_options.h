// What a scheduler is told at its start.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_OPTIONS_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_OPTIONS_H_

#include <cstdint>
#include <limits>
#include <map>

#include "absl/time/time.h"
#include "protos/nevus/v1/job.pb.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus {

struct SchedulerOptions {
  scheduler::Policy policy;
  // Unfinished jobs at most: a queue without an end hides that nobody works.
  int64_t max_unfinished_jobs = 200'000;
  // Tasks of one job at most: 2.5 million images in shards of 256.
  int max_tasks = 10'000;
  // Jobs of a kind that run at a time; absent: no limit.
  std::map<v1::WorkerKind, int> max_running;
  // Ended jobs that are kept: at most so many, and for so long. One that an
  // unfinished job depends on is kept in any case.
  int64_t keep_jobs = std::numeric_limits<int64_t>::max();
  absl::Duration keep_jobs_for = absl::InfiniteDuration();
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_OPTIONS_H_
