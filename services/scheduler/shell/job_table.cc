#include "services/scheduler/shell/job_table.h"

#include <algorithm>

#include "services/scheduler/shell/job_codec.h"

namespace nevus {

using scheduler::JobQueue;

void JobTable::Add(const JobRef& entry) {
  newest_ = std::max(newest_, entry->number);
  by_id_[entry->id] = entry;
  by_number_[entry->number] = entry;
  if (!entry->request_id.empty()) by_request_[entry->request_id] = entry;
}

void JobTable::Remove(JobEntry& entry) {
  entry.gone = true;
  queue_.Erase(entry.number);
  ended_.erase({entry.end_time, entry.number});
  if (unfinished_.erase(entry.number) > 0) Need(entry, false);
  if (!entry.request_id.empty()) by_request_.erase(entry.request_id);
  by_number_.erase(entry.number);
  by_id_.erase(std::string(entry.id));  // a copy: this may be its last holder
}

void JobTable::Need(JobEntry& entry, bool needs) {
  for (const std::string& id : entry.live->header.depends_on()) {
    if (needs) {
      dependents_[id].insert(entry.number);
    } else if (const auto found = dependents_.find(id);
               found != dependents_.end()) {
      found->second.erase(entry.number);
      if (found->second.empty()) dependents_.erase(found);
    }
  }
}

void JobTable::Place(JobEntry& entry, const scheduler::Job& state) {
  queue_.Update(
      entry.number, entry.kind,
      scheduler::Rank(absl::FromUnixNanos(entry.number), entry.priority),
      state);
  if (HasEnded(state.state)) {
    if (unfinished_.erase(entry.number) > 0) Need(entry, false);
    ended_.erase({entry.end_time, entry.number});
    entry.end_time = state.end_time;
    ended_.insert({entry.end_time, entry.number});
  } else {
    if (unfinished_.insert(entry.number).second) Need(entry, true);
    ended_.erase({entry.end_time, entry.number});
    entry.end_time = absl::InfinitePast();
  }
}

void JobTable::PlaceEnded(JobEntry& entry) {
  ended_.insert({entry.end_time, entry.number});
}

JobRef JobTable::Find(const std::string& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

JobRef JobTable::FindRequest(const std::string& request_id) const {
  const auto found = by_request_.find(request_id);
  return found == by_request_.end() ? nullptr : found->second;
}

JobRef JobTable::At(JobQueue::Number number) const {
  const auto found = by_number_.find(number);
  return found == by_number_.end() ? nullptr : found->second;
}

std::vector<JobRef> JobTable::Before(JobQueue::Number number,
                                     size_t count) const {
  std::vector<JobRef> jobs;
  for (auto it = by_number_.lower_bound(number);
       it != by_number_.begin() && jobs.size() < count;) {
    --it;
    if (it->second->stored) jobs.push_back(it->second);
  }
  return jobs;
}

std::vector<JobRef> JobTable::Dependents(const std::string& id) const {
  std::vector<JobRef> jobs;
  const auto found = dependents_.find(id);
  if (found == dependents_.end()) return jobs;
  for (JobQueue::Number number : found->second) jobs.push_back(At(number));
  return jobs;
}

std::vector<JobRef> JobTable::Unfinished() const {
  std::vector<JobRef> jobs;
  for (JobQueue::Number number : unfinished_) jobs.push_back(At(number));
  return jobs;
}

JobFigures JobTable::Count(absl::Time now) const {
  JobFigures figures;
  for (const JobRef& entry : Unfinished()) {
    if (!entry->stored || entry->live == nullptr) continue;
    const scheduler::Job& job = entry->live->state;
    ++figures.unfinished[{KindName(entry->kind), scheduler::Name(job.state)}];
    for (const scheduler::Task& task : job.tasks) {
      if (task.state != scheduler::TaskState::kLeased) continue;
      figures.oldest_lease =
          std::max(figures.oldest_lease, now - task.attempt_start);
    }
  }
  return figures;
}

std::vector<JobRef> JobTable::Prunable(int64_t keep, absl::Time before,
                                       size_t count) const {
  std::vector<JobRef> jobs;
  int64_t beyond = static_cast<int64_t>(ended_.size()) - keep;
  for (const auto& [end_time, number] : ended_) {
    if (jobs.size() >= count || (beyond <= 0 && end_time > before)) break;
    --beyond;
    const JobRef entry = At(number);
    if (entry->stored && !entry->busy && dependents_.count(entry->id) == 0) {
      jobs.push_back(entry);
    }
  }
  return jobs;
}

}  // namespace nevus
