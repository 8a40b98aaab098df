#include "services/scheduler/shell/new_job.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/name.h"
#include "base/status.h"
#include "services/scheduler/core/job_queue.h"
#include "services/scheduler/shell/job_codec.h"

namespace nevus {
namespace {

constexpr size_t kMaxJobTitleBytes = 1000;
constexpr size_t kMaxTaskTitleBytes = 200;
constexpr int kMaxStage = 1000;
constexpr int kMaxDependencies = 16;
// Ten years: sums of times stay times.
constexpr absl::Duration kMaxTimeLimit = absl::Hours(24 * 3653);

absl::Status Invalid(const std::string& message) {
  return WithReason(absl::InvalidArgumentError(message), "JOB_INVALID");
}

absl::Status CheckTimeLimit(const std::string& name,
                            const google::protobuf::Duration& proto) {
  const absl::Duration limit = FromProtoDuration(proto);
  if (limit > absl::ZeroDuration() && limit <= kMaxTimeLimit) {
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat(name, " is ", absl::FormatDuration(limit),
                              "; it must be more than 0 and at most ",
                              absl::FormatDuration(kMaxTimeLimit),
                              ". Leave it out for no limit"));
}

absl::Status CheckTask(const v1::Task& task, int index) {
  if (task.spec().spec_case() == v1::TaskSpec::SPEC_NOT_SET) {
    return Invalid(absl::StrCat("task ", index, " of the job has no spec"));
  }
  if (task.title().size() > kMaxTaskTitleBytes) {
    return Invalid(absl::StrCat("the title of task ", index, " has ",
                                task.title().size(), " bytes; the most is ",
                                kMaxTaskTitleBytes));
  }
  if (task.stage() < 0 || task.stage() > kMaxStage) {
    return Invalid(absl::StrCat("task ", index, " has stage ", task.stage(),
                                "; stages go from 0 to ", kMaxStage));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckNewJob(const v1::Job& job, int max_tasks) {
  if (job.kind() == v1::WORKER_KIND_UNSPECIFIED) {
    return Invalid("the job names no kind of worker; set kind");
  }
  if (!job.request_digest().empty() && !IsSha256Hex(job.request_digest())) {
    return Invalid(absl::StrCat("request_digest ", Quoted(job.request_digest()),
                                " is no SHA-256 in 64 hex digits"));
  }
  if (job.title().size() > kMaxJobTitleBytes) {
    return Invalid(absl::StrCat("the job's title has ", job.title().size(),
                                " bytes; the most is ", kMaxJobTitleBytes));
  }
  if (job.tasks_size() > max_tasks) {
    return Invalid(absl::StrCat("the job has ", job.tasks_size(),
                                " tasks; the most is ", max_tasks));
  }
  for (int i = 0; i < job.tasks_size(); ++i) {
    RETURN_IF_ERROR(CheckTask(job.tasks(i), i));
  }
  if (std::abs(static_cast<int64_t>(job.priority())) >
      scheduler::kMaxPriority) {
    return Invalid(absl::StrCat("priority is ", job.priority(),
                                "; it goes from -", scheduler::kMaxPriority,
                                " to ", scheduler::kMaxPriority));
  }
  if (job.depends_on_size() > kMaxDependencies) {
    return Invalid(absl::StrCat("the job depends on ", job.depends_on_size(),
                                " others; the most is ", kMaxDependencies));
  }
  if (job.has_time_limit()) {
    RETURN_IF_ERROR(CheckTimeLimit("time_limit", job.time_limit()));
  }
  if (job.has_attempt_time_limit()) {
    RETURN_IF_ERROR(
        CheckTimeLimit("attempt_time_limit", job.attempt_time_limit()));
  }
  return absl::OkStatus();
}

absl::Status RequestIdReused(const std::string& request_id) {
  return WithReason(
      absl::AlreadyExistsError(absl::StrCat(
          "the request id ", Quoted(request_id),
          " was used for another request; give each a new one, such as a "
          "UUID")),
      "REQUEST_ID_REUSED", {{"request_id", request_id}});
}

void ClearOutput(v1::Job& job) {
  job.clear_id();
  job.clear_state();
  job.clear_reason();
  job.clear_reason_message();
  job.clear_error();
  job.clear_progress();
  job.clear_create_time();
  job.clear_start_time();
  job.clear_end_time();
  job.clear_last_event();
}

}  // namespace nevus
