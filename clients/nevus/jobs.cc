// job list, show, cancel, retry.
#include "clients/nevus/jobs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/status.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/job_text.h"

namespace nevus {
namespace {

using Stub = v1::JobService::Stub;

// Rows of a table of tasks, unless --limit says otherwise.
constexpr int64_t kTaskRows = 50;
// The most that a page may have (job.proto).
constexpr int64_t kPage = 1000;

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  const absl::Time now = Clock::Real().Now();
  Table table{{"job", "state", "reason", "age", "progress", "title", "result"},
              {}};
  Json json = Json::array();
  const int64_t limit = context.line().Integer("limit");
  const std::string state = context.line().Text("state");
  v1::ListJobsRequest request;
  request.set_page_size(static_cast<int32_t>(
      state.empty() ? std::clamp<int64_t>(limit, 1, kPage) : kPage));
  do {
    ASSIGN_OR_RETURN(const v1::ListJobsResponse page,
                     client->Call(&Stub::ListJobs, request));
    for (const v1::Job& job : page.jobs()) {
      if (static_cast<int64_t>(json.size()) >= limit) break;
      if (!state.empty() && v1::JobState_Name(job.state()) != state) continue;
      table.rows.push_back(
          {job.id(), v1::JobState_Name(job.state()),
           job.state() == v1::FAILED ? job.error().reason() : job.reason(),
           AgeText(job, now), ProgressText(job.progress()), job.title(),
           job.result()});
      json.push_back(ToJson(job));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() &&
           static_cast<int64_t>(json.size()) < limit);
  context.Print(table, json);
  return absl::OkStatus();
}

// Fields and, under them, tasks: for people. One table cannot be both, so CSV
// is the tasks.
void PrintWithTasks(const v1::Job& job, int64_t limit, Context& context) {
  const Table tasks = TaskTable(job, limit);
  if (context.line().Text("output") == "table") {
    context.Write(AlignTable(JobFields(job, Clock::Real().Now())));
    if (!tasks.rows.empty()) context.Write("\n" + AlignTable(tasks));
  } else {
    context.Print(tasks, ToJson(job));
  }
  const int64_t more =
      job.tasks_size() - static_cast<int64_t>(tasks.rows.size());
  if (more > 0 && context.line().Text("output") != "json") {
    context.Say(absl::StrCat(more, " more tasks; `nevus job show ", job.id(),
                             " --limit ", job.tasks_size(), "` shows all"));
  }
}

absl::Status Show(Context& context) {
  v1::GetJobRequest request;
  request.set_id(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::GetJob, request));
  PrintWithTasks(job, context.line().Integer("limit"), context);
  return absl::OkStatus();
}

absl::Status Cancel(Context& context) {
  v1::CancelJobRequest request;
  request.set_id(context.argument(0));
  // A call that is repeated on the way must not act twice.
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::CancelJob, request));
  PrintJob(job, context);
  return absl::OkStatus();
}

absl::Status Retry(Context& context) {
  v1::RetryJobRequest request;
  request.set_id(context.argument(0));
  request.set_request_id(RandomHex(16));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::RetryJob, request));
  return ReportSubmitted(job, context);
}

}  // namespace

void PrintJob(const v1::Job& job, Context& context) {
  if (IsSweep(job) && context.line().Text("output") == "table") {
    PrintWithTasks(job, kTaskRows, context);
  } else {
    context.Print(JobFields(job, Clock::Real().Now()), ToJson(job));
  }
}

absl::Status ReportSubmitted(const v1::Job& job, Context& context) {
  if (!context.line().On("wait")) {
    PrintJob(job, context);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::Job ended, WatchToEnd(context, job.id()));
  PrintJob(ended, context);
  return JobError(ended);
}

std::vector<Command> JobCommands() {
  std::vector<Command> commands = {
      {"job list",
       "",
       "List jobs, newest first",
       "Says of each why it waits or failed, in a code; `job show` says it in "
       "a "
       "sentence.",
       {Flag::Text("state", "S", "only jobs in this state")
            .OneOf({"PENDING", "RUNNING", "PAUSED", "SUCCEEDED", "FAILED",
                    "CANCELLED"}),
        Flag::Integer("limit", "at most this many").Default("50")},
       {"nevus job list", "nevus job list --state failed --limit 10"},
       List},
      {"job show",
       "JOB",
       "Show a job: state, progress, why it waits or failed, and its tasks",
       "The tasks of a sweep are sorted by validation AUC, and the best is "
       "marked. --output csv has the tasks alone.",
       {Flag::Integer("limit", "at most this many tasks")
            .Default(absl::StrCat(kTaskRows))},
       {"nevus job show j-0123456789ab"},
       Show}};
  for (Command& command : JobWatchCommands()) {
    commands.push_back(std::move(command));
  }
  commands.push_back({"job cancel",
                      "JOB",
                      "Cancel a job",
                      "Tasks that run stop at their worker's next heartbeat.",
                      {},
                      {"nevus job cancel j-0123456789ab"},
                      Cancel});
  commands.push_back({"job retry",
                      "JOB",
                      "Run what is left of a failed or cancelled job again",
                      "",
                      {Flag::Switch("wait", "wait for its end")},
                      {"nevus job retry j-0123456789ab --wait"},
                      Retry});
  return commands;
}

}  // namespace nevus
