// Jobs on the command line: submit, wait with progress, print.
#ifndef NEVUS_CLIENTS_NEVUS_JOBS_H_
#define NEVUS_CLIENTS_NEVUS_JOBS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/nevus/context.h"

namespace nevus {

// Waits for a job's end, shown on stderr as it comes. The job as it ended;
// JobError says how.
absl::StatusOr<v1::Job> WatchToEnd(Context& context, const std::string& id);

// The job's fields; of a sweep also its tasks, the best first.
void PrintJob(const v1::Job& job, Context& context);

// What a command that submits does after: prints the job as it is, or with
// --wait at its end, and returns how it ended.
absl::Status ReportSubmitted(const v1::Job& job, Context& context);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_JOBS_H_
