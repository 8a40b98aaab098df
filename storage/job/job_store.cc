#include "storage/job/job_store.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/engine/record.h"

namespace nevus {
namespace {

constexpr char kRestoredKey[] = "restored";

std::string HeaderKey(const std::string& id) { return Key({"job", id}); }
std::string TasksKey(const std::string& id) { return Key({"tasks", id}); }
std::string TaskKey(const std::string& id, int task) {
  return Key({"task", id, KeyNumber(task)});
}
std::string SpecKey(const std::string& id, int task) {
  return Key({"spec", id, KeyNumber(task)});
}
std::string EventKey(const std::string& id, int64_t number) {
  return Key({"event", id, KeyNumber(number)});
}

Mutation PutHeader(const v1::Job& job) {
  if (job.tasks_size() == 0) return PutRecord(HeaderKey(job.id()), job);
  v1::Job header = job;
  header.clear_tasks();
  return PutRecord(HeaderKey(job.id()), header);
}

void AddEvents(const std::string& id, const std::vector<v1::JobEvent>& events,
               std::vector<Mutation>& batch) {
  for (const v1::JobEvent& event : events) {
    batch.push_back(PutRecord(EventKey(id, event.number()), event));
    if (event.number() > kMaxEvents) {
      batch.push_back(DeleteKey(EventKey(id, event.number() - kMaxEvents)));
    }
  }
}

// What must be there is not: lost, not unknown.
absl::Status Missing(const absl::Status& status, const std::string& key) {
  return absl::IsNotFound(status) ? DamagedValue(key, "is missing") : status;
}

}  // namespace

Mutation MarkRestored() { return {kRestoredKey, ""}; }

absl::Status JobStore::Create(const v1::Job& job,
                              const std::vector<v1::JobEvent>& events) {
  std::vector<Mutation> batch;
  batch.push_back(PutHeader(job));
  v1::Job tasks;
  for (int i = 0; i < job.tasks_size(); ++i) {
    const v1::Task& task = job.tasks(i);
    batch.push_back(PutRecord(SpecKey(job.id(), i), task.spec()));
    v1::Task* const kept = tasks.add_tasks();
    kept->set_index(i);
    kept->set_state(task.state());
    kept->set_stage(task.stage());
    kept->set_title(task.title());
    if (task.has_progress()) *kept->mutable_progress() = task.progress();
  }
  batch.push_back(PutRecord(TasksKey(job.id()), tasks));
  AddEvents(job.id(), events, batch);
  return store_.Apply(std::move(batch));
}

absl::Status JobStore::Write(const std::vector<JobChange>& changes,
                             const RequestEntry& entry, const v1::Job& answer) {
  std::vector<Mutation> batch;
  for (const JobChange& change : changes) {
    const std::string& id = change.job.id();
    batch.push_back(PutHeader(change.job));
    for (const v1::Task& task : change.tasks) {
      if (task.has_spec()) {
        v1::Task state = task;
        state.clear_spec();
        batch.push_back(PutRecord(TaskKey(id, task.index()), state));
      } else {
        batch.push_back(PutRecord(TaskKey(id, task.index()), task));
      }
    }
    AddEvents(id, change.events, batch);
  }
  return entry.Apply(store_, std::move(batch), answer);
}

absl::Status JobStore::Delete(const std::string& id) {
  std::vector<Mutation> batch = {DeleteKey(HeaderKey(id)),
                                 DeleteKey(TasksKey(id))};
  for (const char* kind : {"task", "spec", "event"}) {
    RETURN_IF_ERROR(store_.Scan(Key({kind, id, ""}), "",
                                [&](std::string_view key, std::string_view) {
                                  batch.push_back(DeleteKey(std::string(key)));
                                  return true;
                                }));
  }
  return store_.Apply(std::move(batch));
}

absl::Status JobStore::AddTasks(v1::Job& job) const {
  const std::string key = TasksKey(job.id());
  auto tasks = GetRecord<v1::Job>(store_, key);
  if (!tasks.ok()) return Missing(tasks.status(), key);
  job.mutable_tasks()->Swap(tasks->mutable_tasks());
  absl::Status damage;
  RETURN_IF_ERROR(ScanRecords<v1::Task>(
      store_, Key({"task", job.id(), ""}), "",
      [&](std::string_view changed_key, v1::Task task) {
        if (task.index() < 0 || task.index() >= job.tasks_size()) {
          damage = DamagedValue(
              changed_key, absl::StrCat("is task ", task.index(),
                                        " of a job with ", job.tasks_size()));
          return false;
        }
        job.mutable_tasks(task.index())->Swap(&task);
        return true;
      }));
  return damage;
}

absl::Status JobStore::LoadAll(
    const std::function<bool(const v1::Job&)>& wants_tasks,
    const std::function<void(v1::Job)>& visit) const {
  absl::Status result;
  RETURN_IF_ERROR(ScanRecords<v1::Job>(store_, Key({"job", ""}), "",
                                       [&](std::string_view, v1::Job job) {
                                         if (wants_tasks(job))
                                           result = AddTasks(job);
                                         if (result.ok()) visit(std::move(job));
                                         return result.ok();
                                       }));
  return result;
}

absl::StatusOr<v1::Job> JobStore::ReadHeader(const std::string& id) const {
  return GetRecord<v1::Job>(store_, HeaderKey(id));
}

absl::StatusOr<v1::Job> JobStore::Read(const std::string& id) const {
  ASSIGN_OR_RETURN(v1::Job job, ReadHeader(id));
  RETURN_IF_ERROR(AddTasks(job));
  return job;
}

absl::StatusOr<v1::TaskSpec> JobStore::GetSpec(const std::string& id,
                                               int task) const {
  const std::string key = SpecKey(id, task);
  auto spec = GetRecord<v1::TaskSpec>(store_, key);
  if (!spec.ok()) return Missing(spec.status(), key);
  return spec;
}

absl::Status JobStore::ReadEvents(
    const std::string& id, int64_t after,
    const std::function<bool(v1::JobEvent)>& visit) const {
  return ScanRecords<v1::JobEvent>(store_, Key({"event", id, ""}),
                                   EventKey(id, std::max<int64_t>(after, 0)),
                                   [&](std::string_view, v1::JobEvent event) {
                                     return visit(std::move(event));
                                   });
}

absl::StatusOr<bool> JobStore::restored() const {
  return Contains(store_, kRestoredKey);
}

absl::Status JobStore::ClearRestored() {
  return store_.Apply({DeleteKey(kRestoredKey)});
}

}  // namespace nevus
