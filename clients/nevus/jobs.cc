// job list, show, watch, cancel, retry.
#include "clients/nevus/jobs.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"

namespace nevus {
namespace {

using Stub = v1::JobService::Stub;

std::string ProgressText(const v1::Progress& progress) {
  if (progress.total() == 0 && progress.done() == 0) return "";
  return absl::StrCat(progress.done(), "/", progress.total(), " ",
                      progress.unit());
}

absl::Status List(Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  Table table{{"job", "state", "progress", "title", "result"}, {}};
  Json json = Json::array();
  const int64_t limit = context.line().Integer("limit");
  v1::ListJobsRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListJobsResponse page,
                     client->Call(&Stub::ListJobs, request));
    for (const v1::Job& job : page.jobs()) {
      if (static_cast<int64_t>(json.size()) >= limit) break;
      table.rows.push_back({job.id(), v1::JobState_Name(job.state()),
                            ProgressText(job.progress()), job.title(),
                            job.result()});
      json.push_back(ToJson(job));
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() &&
           static_cast<int64_t>(json.size()) < limit);
  context.Print(table, json);
  return absl::OkStatus();
}

absl::Status Show(Context& context) {
  v1::GetJobRequest request;
  request.set_id(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::GetJob, request));
  PrintJob(job, context);
  return absl::OkStatus();
}

absl::Status Watch(Context& context) {
  ASSIGN_OR_RETURN(const v1::Job job, WatchToEnd(context, context.argument(0)));
  PrintJob(job, context);
  return JobError(job);
}

absl::Status Cancel(Context& context) {
  v1::CancelJobRequest request;
  request.set_id(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::CancelJob, request));
  PrintJob(job, context);
  return absl::OkStatus();
}

absl::Status Retry(Context& context) {
  v1::RetryJobRequest request;
  request.set_id(context.argument(0));
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job, client->Call(&Stub::RetryJob, request));
  return ReportSubmitted(job, context);
}

}  // namespace

absl::StatusOr<v1::Job> WatchToEnd(Context& context, const std::string& id) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  std::string title;
  std::unique_ptr<Progress> progress;
  return WaitForJob(*client, id, [&](const v1::Job& job) {
    if (progress == nullptr) {
      progress = std::make_unique<Progress>(
          context.terminal(), job.title().empty() ? job.id() : job.title());
    }
    std::string note = job.progress().message();
    if (job.state() == v1::PENDING && !job.reason_message().empty()) {
      note = absl::StrCat("waiting: ", job.reason_message());
    }
    progress->Update(job.progress().done(), job.progress().total(),
                     job.progress().unit(), note);
  });
}

void PrintJob(const v1::Job& job, Context& context) {
  Table table{{"field", "value"}, {}};
  const auto add = [&](const std::string& field, const std::string& value) {
    if (!value.empty()) table.rows.push_back({field, value});
  };
  add("job", job.id());
  add("title", job.title());
  add("state", v1::JobState_Name(job.state()));
  add("waits for", job.reason_message());
  add("progress", ProgressText(job.progress()));
  add("note", job.progress().message());
  add("result", job.result());
  add("error", job.error().message());
  add("reason", job.error().reason());
  int64_t attempts = 0;
  for (const v1::Task& task : job.tasks()) attempts += task.attempts();
  if (job.tasks_size() > 0) {
    add("tasks", absl::StrCat(job.tasks_size(), ", ", attempts, " attempts"));
  }
  context.Print(table, ToJson(job));
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
  return {{"job list",
           "",
           "List jobs, newest first",
           "",
           {Flag::Integer("limit", "at most this many").Default("50")},
           {"nevus job list"},
           List},
          {"job show",
           "JOB",
           "Show a job: state, progress, why it waits or failed",
           "",
           {},
           {"nevus job show j-0123456789ab"},
           Show},
          {"job watch",
           "JOB",
           "Follow a job to its end",
           "Exits 0 if it succeeded, 1 if it failed, 4 if it was cancelled.",
           {},
           {"nevus job watch j-0123456789ab"},
           Watch},
          {"job cancel",
           "JOB",
           "Cancel a job",
           "",
           {},
           {"nevus job cancel j-0123456789ab"},
           Cancel},
          {"job retry",
           "JOB",
           "Run what is left of a failed or cancelled job again",
           "",
           {Flag::Switch("wait", "wait for its end")},
           {"nevus job retry j-0123456789ab --wait"},
           Retry}};
}

}  // namespace nevus
