// What a job that is submitted must be like. Pure.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_NEW_JOB_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_NEW_JOB_H_

#include <string>

#include "absl/status/status.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// INVALID_ARGUMENT (JOB_INVALID) unless `job` is as job.proto wants it, with at
// most `max_tasks` tasks.
absl::Status CheckNewJob(const v1::Job& job, int max_tasks);

// ALREADY_EXISTS (REQUEST_ID_REUSED).
absl::Status RequestIdReused(const std::string& request_id);

// Clears what only the scheduler says.
void ClearOutput(v1::Job& job);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_NEW_JOB_H_
