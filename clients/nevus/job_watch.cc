// job watch, logs: what follows a job's history.
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "clients/cpp/wait.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/job_display.h"
#include "clients/nevus/job_text.h"
#include "clients/nevus/jobs.h"

namespace nevus {
namespace {

// A value on one line.
std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// What a program reads: one event a line, on stdout as it comes.
absl::Status WatchEvents(const WatchOptions& options, Context& context) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  ASSIGN_OR_RETURN(const v1::Job job,
                   WatchJob(*client, context.argument(0), options,
                            [&](const v1::WatchJobResponse& news) {
                              if (!news.has_event()) return;
                              context.Write(JsonLine(ToJson(news.event())));
                              context.terminal().out.flush();
                            }));
  return JobError(job);
}

absl::StatusOr<v1::Job> WatchOnScreen(Context& context, const std::string& id,
                                      const WatchOptions& options) {
  ASSIGN_OR_RETURN(Client * client, context.Server());
  JobDisplay display(context.terminal());
  return WatchJob(*client, id, options, [&](const v1::WatchJobResponse& news) {
    display.Take(news);
  });
}

absl::Status Watch(Context& context) {
  WatchOptions options;
  options.after_event = context.line().Integer("after");
  if (context.line().On("events")) return WatchEvents(options, context);
  ASSIGN_OR_RETURN(const v1::Job job,
                   WatchOnScreen(context, context.argument(0), options));
  PrintJob(job, context);
  return JobError(job);
}

// INVALID_ARGUMENT unless `job` has such a task.
absl::Status CheckTask(const v1::Job& job, int64_t task) {
  if (task < job.tasks_size()) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "the job ", job.id(), " has no task ", task, "; it has ",
          job.tasks_size(), ", counted from 0: see `nevus job show ", job.id(),
          "`")),
      "TASK_UNKNOWN");
}

absl::Status Logs(Context& context) {
  const Invocation& line = context.line();
  ASSIGN_OR_RETURN(Client * client, context.Server());
  if (line.Has("task")) {
    v1::GetJobRequest request;
    request.set_id(context.argument(0));
    ASSIGN_OR_RETURN(const v1::Job job,
                     client->Call(&v1::JobService::Stub::GetJob, request));
    RETURN_IF_ERROR(CheckTask(job, line.Integer("task")));
  }
  WatchOptions options;
  options.past_only = !line.On("follow");
  // As text they stand there at once; the other forms are one value.
  const bool stream = line.Text("output") == "table";
  Table table{{"event", "time", "task", "worker", "line"}, {}};
  Json json = Json::array();
  v1::Job job;
  RETURN_IF_ERROR(
      WatchJob(*client, context.argument(0), options,
               [&](const v1::WatchJobResponse& news) {
                 if (news.has_job()) job = news.job();
                 if (!news.event().has_log()) return;
                 const v1::TaskLogEvent& log = news.event().log();
                 if (line.Has("task") && log.task() != line.Integer("task")) {
                   return;
                 }
                 if (stream) {
                   context.Write(EventLine(news.event(), job) + "\n");
                   context.terminal().out.flush();
                   return;
                 }
                 const Json time = ToJson(news.event().time());
                 table.rows.push_back({absl::StrCat(news.event().number()),
                                       time, absl::StrCat(log.task()),
                                       log.worker(), log.line()});
                 json.push_back({{"number", news.event().number()},
                                 {"time", time},
                                 {"task", log.task()},
                                 {"worker", log.worker()},
                                 {"line", log.line()}});
               })
          .status());
  if (!stream) context.Print(table, json);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Job> WatchToEnd(Context& context, const std::string& id) {
  return WatchOnScreen(context, id, WatchOptions());
}

std::vector<Command> JobWatchCommands() {
  return {
      {"job watch",
       "JOB",
       "Follow a job to its end",
       "A terminal shows the job and a live line for each task that runs; "
       "elsewhere each event is a line, with its number. A server that "
       "starts again is waited for, and nothing is missed or told twice. "
       "Exits 0 if the job succeeded, 1 if it failed, 4 if it was "
       "cancelled, 3 if the server cannot be reached.",
       {Flag::Integer("after", "only events with a larger number").Default("0"),
        Flag::Switch("events",
                     "print each event on stdout as one line of JSON, and "
                     "nothing else")},
       {"nevus job watch j-0123456789ab",
        "nevus job watch j-0123456789ab --events --after 17"},
       Watch},
      {"job logs",
       "JOB",
       "Print what the workers said of a job's tasks",
       "Of the newest 10,000 events of the job.",
       {Flag::Integer("task", "only of this task, counted from 0"),
        Flag::Switch("follow", "go on until the job has ended")},
       {"nevus job logs j-0123456789ab",
        "nevus job logs j-0123456789ab --task 3 --follow"},
       Logs}};
}

}  // namespace nevus
