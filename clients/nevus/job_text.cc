#include "clients/nevus/job_text.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace nevus {
namespace {

std::optional<double> MetricOf(const v1::Progress& progress,
                               const std::string& name) {
  for (const v1::Metric& metric : progress.metrics()) {
    if (metric.name() == name) return metric.value();
  }
  return std::nullopt;
}

// An epoch is 99, not 99.0000.
std::string MetricValue(double value, int decimals) {
  return FormatNumber(value, value == std::floor(value) ? 0 : decimals);
}

// What a sweep ranks by; nothing for a task that is no candidate.
std::optional<double> Rank(const v1::Task& task) {
  if (task.stage() > 0 || task.spec().has_choose()) return std::nullopt;
  const std::optional<double> value =
      MetricOf(task.progress(), kChoosingMetric);
  // Not a number is no rank, and would spoil the order.
  return value.has_value() && std::isnan(*value) ? std::nullopt : value;
}

std::string DurationText(const google::protobuf::Duration& duration) {
  return FormatDuration(static_cast<double>(duration.seconds()) +
                        1e-9 * duration.nanos());
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", ToTime(time),
                          absl::UTCTimeZone());
}

// "16: 3 DONE, 4 LEASED, 9 WAITING; 20 attempts".
std::string TaskCounts(const v1::Job& job) {
  std::map<v1::TaskState, int> counts;
  int64_t attempts = 0;
  for (const v1::Task& task : job.tasks()) {
    ++counts[task.state()];
    attempts += task.attempts();
  }
  const std::string states =
      absl::StrJoin(counts, ", ", [](std::string* out, const auto& entry) {
        absl::StrAppend(out, entry.second, " ",
                        v1::TaskState_Name(entry.first));
      });
  return absl::StrCat(job.tasks_size(), ": ", states, "; ", attempts,
                      attempts == 1 ? " attempt" : " attempts");
}

std::string TaskEventText(const v1::TaskStateEvent& event, const v1::Job& job) {
  std::string text = absl::StrCat(TaskName(job, event.task()), " ",
                                  v1::TaskState_Name(event.state()));
  if (!event.worker().empty()) {
    absl::StrAppend(&text, event.state() == v1::LEASED ? " by " : ", was with ",
                    event.worker());
  }
  if (event.attempts() > 1) {
    absl::StrAppend(&text, ", attempt ", event.attempts());
  }
  const std::string error = ErrorText(event.error());
  if (!error.empty()) absl::StrAppend(&text, ": ", error);
  return text;
}

std::string ProgressEventText(const v1::TaskProgressEvent& event,
                              const v1::Job& job) {
  absl::Duration left;
  if (event.has_time_left()) {
    left = absl::Seconds(event.time_left().seconds()) +
           absl::Nanoseconds(event.time_left().nanos());
  }
  return absl::StrCat(
      TaskName(job, event.task()), ": ",
      JoinParts(
          {ProgressText(event.progress()),
           PaceText(event.rate(), event.has_time_left() ? &left : nullptr),
           MetricText(event.progress()), event.progress().message()}));
}

}  // namespace

std::string ProgressText(const v1::Progress& progress) {
  if (progress.total() == 0 && progress.done() == 0) return "";
  std::string text = absl::StrCat(progress.done());
  if (progress.total() > 0) absl::StrAppend(&text, "/", progress.total());
  if (!progress.unit().empty()) absl::StrAppend(&text, " ", progress.unit());
  return text;
}

std::string MetricText(const v1::Progress& progress) {
  if (progress.metrics().empty()) return "";
  const v1::Metric* metric = &*progress.metrics().rbegin();
  for (const v1::Metric& each : progress.metrics()) {
    if (each.name() == kChoosingMetric) metric = &each;
  }
  return absl::StrCat(metric->name(), " ", MetricValue(metric->value(), 3));
}

std::string PaceText(double rate, const absl::Duration* time_left) {
  return JoinParts(
      {rate > 0 ? absl::StrFormat("%.*f/s", rate < 10 ? 1 : 0, rate) : "",
       time_left == nullptr
           ? ""
           : FormatDuration(absl::ToDoubleSeconds(*time_left)) + " left"});
}

std::string JoinParts(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    absl::StrAppend(&text, text.empty() ? "" : ", ", part);
  }
  return text;
}

std::string TaskName(const v1::Job& job, int32_t index) {
  std::string name = absl::StrCat("task ", index);
  if (index >= 0 && index < job.tasks_size() &&
      !job.tasks(index).title().empty()) {
    absl::StrAppend(&name, " (", job.tasks(index).title(), ")");
  }
  return name;
}

std::string ErrorText(const v1::TaskError& error) {
  if (error.reason().empty()) return error.message();
  if (error.message().empty()) return error.reason();
  return absl::StrCat(error.message(), " (", error.reason(), ")");
}

std::string EventText(const v1::JobEvent& event, const v1::Job& job) {
  switch (event.event_case()) {
    case v1::JobEvent::kState: {
      const std::string error = ErrorText(event.state().error());
      return absl::StrCat("job ", v1::JobState_Name(event.state().state()),
                          error.empty() ? "" : ": ", error,
                          event.state().result().empty() ? "" : ": ",
                          event.state().result());
    }
    case v1::JobEvent::kTask:
      return TaskEventText(event.task(), job);
    case v1::JobEvent::kProgress:
      return ProgressEventText(event.progress(), job);
    case v1::JobEvent::kLog:
      return absl::StrCat(TaskName(job, event.log().task()), ", ",
                          event.log().worker(), ": ", event.log().line());
    case v1::JobEvent::EVENT_NOT_SET:
      break;
  }
  return "an event that this client does not know; take a newer nevus";
}

std::string EventLine(const v1::JobEvent& event, const v1::Job& job) {
  return OneLine(absl::StrCat(event.number(), " ", TimeText(event.time()), " ",
                              EventText(event, job)));
}

absl::Time ToTime(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) +
         absl::Nanoseconds(time.nanos());
}

std::string AgeText(const v1::Job& job, absl::Time now) {
  if (!job.has_create_time()) return "";
  return FormatDuration(absl::ToDoubleSeconds(now - ToTime(job.create_time())));
}

Table JobFields(const v1::Job& job, absl::Time now) {
  Table table{{"field", "value"}, {}};
  const auto add = [&](const std::string& field, const std::string& value) {
    if (!value.empty()) table.rows.push_back({field, value});
  };
  const auto limit = [&](const std::string& field, bool set,
                         const google::protobuf::Duration& value) {
    if (set) add(field, DurationText(value));
  };
  add("job", job.id());
  add("title", job.title());
  add("kind", job.kind() == v1::WORKER_KIND_UNSPECIFIED
                  ? ""
                  : absl::AsciiStrToLower(v1::WorkerKind_Name(job.kind())));
  add("state", v1::JobState_Name(job.state()));
  add("waits for", job.reason_message());
  add("waits for (code)", job.reason());
  add("progress", ProgressText(job.progress()));
  add("note", job.progress().message());
  add("result", job.state() == v1::SUCCEEDED ? job.result() : "");
  add("error", job.error().message());
  add("reason", job.error().reason());
  if (job.tasks_size() > 0) add("tasks", TaskCounts(job));
  add("depends on", absl::StrJoin(job.depends_on(), " "));
  if (job.priority() != 0) add("priority", absl::StrCat(job.priority()));
  limit("time limit", job.has_time_limit(), job.time_limit());
  limit("time limit of an attempt", job.has_attempt_time_limit(),
        job.attempt_time_limit());
  if (job.has_create_time()) {
    add("submitted", absl::StrCat(TimeText(job.create_time()), ", ",
                                  AgeText(job, now), " ago"));
  }
  if (job.has_start_time()) add("started", TimeText(job.start_time()));
  if (job.has_end_time()) add("ended", TimeText(job.end_time()));
  if (job.has_start_time() && job.has_end_time()) {
    add("took", FormatDuration(absl::ToDoubleSeconds(
                    ToTime(job.end_time()) - ToTime(job.start_time()))));
  }
  return table;
}

bool IsSweep(const v1::Job& job) {
  int ranked = 0;
  for (const v1::Task& task : job.tasks()) ranked += Rank(task).has_value();
  return ranked > 1;
}

Table TaskTable(const v1::Job& job, int64_t limit) {
  const bool sweep = IsSweep(job);
  std::vector<const v1::Task*> tasks;
  std::vector<std::string> metrics;
  for (const v1::Task& task : job.tasks()) {
    tasks.push_back(&task);
    for (const v1::Metric& metric : task.progress().metrics()) {
      if (std::find(metrics.begin(), metrics.end(), metric.name()) ==
          metrics.end()) {
        metrics.push_back(metric.name());
      }
    }
  }
  if (sweep) {
    // Of equals the first, as the server chooses.
    std::stable_sort(
        tasks.begin(), tasks.end(), [](const v1::Task* a, const v1::Task* b) {
          return Rank(*a).value_or(-HUGE_VAL) > Rank(*b).value_or(-HUGE_VAL);
        });
  }
  Table table{{"task", "title", "state", "attempts", "worker", "progress"}, {}};
  table.header.insert(table.header.end(), metrics.begin(), metrics.end());
  if (sweep) table.header.push_back("best");
  table.header.push_back("last error");
  for (const v1::Task* task : tasks) {
    if (static_cast<int64_t>(table.rows.size()) >= limit) break;
    Row row = {absl::StrCat(task->index()),
               task->title(),
               v1::TaskState_Name(task->state()),
               absl::StrCat(task->attempts()),
               task->worker(),
               ProgressText(task->progress())};
    for (const std::string& metric : metrics) {
      const std::optional<double> value = MetricOf(task->progress(), metric);
      row.push_back(value.has_value() ? MetricValue(*value, 4) : "");
    }
    if (sweep) row.push_back(task == tasks.front() ? "*" : "");
    // That of an attempt before the one that did it is history: `job logs`.
    row.push_back(task->state() == v1::DONE ? ""
                                            : ErrorText(task->last_error()));
    table.rows.push_back(std::move(row));
  }
  return table;
}

}  // namespace nevus
