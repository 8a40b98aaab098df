#include "services/scheduler/shell/job_events.h"

#include "services/scheduler/shell/job_codec.h"

namespace nevus {
namespace {

using scheduler::JobState;
using scheduler::TaskState;

bool IsTold(const scheduler::Task& before, const scheduler::Task& after) {
  if (after.state == TaskState::kDropped) {
    return before.state == TaskState::kLeased;
  }
  if (after.state == TaskState::kWaiting) {
    return before.state == TaskState::kLeased;
  }
  // A lease that was lost and taken within one step is a new one.
  return before.state != after.state ||
         (after.state == TaskState::kLeased &&
          before.fencing_token != after.fencing_token);
}

v1::JobEvent TaskEvent(const scheduler::Task& task, int index) {
  v1::JobEvent event;
  v1::TaskStateEvent* const told = event.mutable_task();
  told->set_task(index);
  told->set_state(ToProto(task.state));
  told->set_worker(task.worker);
  told->set_attempts(task.attempts);
  if (task.state != TaskState::kLeased && task.state != TaskState::kDone &&
      task.last_error.code != absl::StatusCode::kOk) {
    *told->mutable_error() = ToProto(task.last_error);
  }
  return event;
}

}  // namespace

v1::JobEvent StateEvent(const scheduler::Job& job) {
  v1::JobEvent event;
  v1::JobStateEvent* const told = event.mutable_state();
  told->set_state(ToProto(job.state));
  if (job.state == JobState::kFailed || job.state == JobState::kPaused) {
    *told->mutable_error() = ToProto(job.error);
  }
  if (job.state == JobState::kSucceeded) told->set_result(job.result);
  return event;
}

std::vector<v1::JobEvent> EventsBetween(const scheduler::Job& before,
                                        const scheduler::Job& after,
                                        const std::vector<int>& changed_tasks) {
  std::vector<v1::JobEvent> events;
  for (int index : changed_tasks) {
    if (IsTold(before.tasks[index], after.tasks[index])) {
      events.push_back(TaskEvent(after.tasks[index], index));
    }
  }
  if (before.state != after.state) events.push_back(StateEvent(after));
  return events;
}

v1::JobEvent ProgressEvent(const scheduler::Task& task, int index,
                           absl::Time now) {
  v1::JobEvent event;
  v1::TaskProgressEvent* const told = event.mutable_progress();
  told->set_task(index);
  *told->mutable_progress() = ToProto(task.progress);
  const double seconds = absl::ToDoubleSeconds(now - task.attempt_start);
  if (task.attempt_start == absl::InfinitePast() || seconds <= 0 ||
      task.progress.done <= 0) {
    return event;
  }
  told->set_rate(task.progress.done / seconds);
  const int64_t left = task.progress.total - task.progress.done;
  if (left >= 0 && task.progress.total > 0) {
    *told->mutable_time_left() =
        ToProtoDuration(absl::Seconds(left / told->rate()));
  }
  return event;
}

v1::JobEvent LogEvent(int task, const std::string& worker,
                      const std::string& line) {
  size_t bytes = line.size();
  if (bytes > kMaxLogLineBytes) {
    bytes = kMaxLogLineBytes;
    // 10xxxxxx goes on with a character that began before.
    while (bytes > 0 && (line[bytes] & 0xC0) == 0x80) --bytes;
  }
  v1::JobEvent event;
  v1::TaskLogEvent* const told = event.mutable_log();
  told->set_task(task);
  told->set_worker(worker);
  told->set_line(line.substr(0, bytes));
  return event;
}

void NumberEvents(int64_t last, absl::Time now,
                  std::vector<v1::JobEvent>& events) {
  for (v1::JobEvent& event : events) {
    event.set_number(++last);
    *event.mutable_time() = ToTimestamp(now);
  }
}

}  // namespace nevus
