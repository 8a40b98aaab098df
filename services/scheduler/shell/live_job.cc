#include "services/scheduler/shell/live_job.h"

#include <algorithm>
#include <utility>

#include "services/scheduler/shell/job_codec.h"
#include "services/scheduler/shell/job_events.h"

namespace nevus {
namespace {

v1::Task TaskOf(const LiveJob& live, const scheduler::Task& task, int index) {
  v1::Task proto = ToProto(task, index);
  if (!live.titles.empty()) proto.set_title(live.titles[index]);
  return proto;
}

std::vector<std::string> TitlesOf(const v1::Job& job) {
  std::vector<std::string> titles;
  if (std::all_of(job.tasks().begin(), job.tasks().end(),
                  [](const v1::Task& task) { return task.title().empty(); })) {
    return titles;
  }
  for (const v1::Task& task : job.tasks()) titles.push_back(task.title());
  return titles;
}

}  // namespace

std::unique_ptr<LiveJob> NewLiveJob(v1::Job& job, scheduler::Job state) {
  auto live = std::make_unique<LiveJob>();
  live->state = std::move(state);
  live->titles = TitlesOf(job);
  // Its tasks, with their specs by far the larger part, are not copied.
  google::protobuf::RepeatedPtrField<v1::Task> tasks;
  tasks.Swap(job.mutable_tasks());
  live->header = job;
  tasks.Swap(job.mutable_tasks());
  return live;
}

std::unique_ptr<LiveJob> LiveJobOf(v1::Job job) {
  return NewLiveJob(job, StateOf(job));
}

JobChange ChangeOf(const JobEntry& entry, const scheduler::Job& next,
                   const std::vector<int>& tasks,
                   std::vector<v1::JobEvent> events, absl::Time now) {
  NumberEvents(entry.last_event, now, events);
  JobChange change;
  change.job = entry.live->header;
  FillHeader(next, &change.job);
  change.job.set_last_event(entry.last_event +
                            static_cast<int64_t>(events.size()));
  for (int index : tasks) {
    change.tasks.push_back(TaskOf(*entry.live, next.tasks[index], index));
  }
  change.events = std::move(events);
  return change;
}

v1::Job Shown(v1::Job stored_header) {
  // A pause is told as a reason.
  if (stored_header.state() != v1::FAILED) stored_header.clear_error();
  return stored_header;
}

v1::Job HeaderOf(const LiveJob& live) {
  v1::Job header = live.header;
  FillHeader(live.state, &header);
  return Shown(std::move(header));
}

void ShowTasks(const LiveJob& live, v1::Job& shown) {
  shown.mutable_tasks()->Reserve(static_cast<int>(live.state.tasks.size()));
  for (size_t i = 0; i < live.state.tasks.size(); ++i) {
    *shown.add_tasks() = TaskOf(live, live.state.tasks[i], static_cast<int>(i));
  }
}

}  // namespace nevus
