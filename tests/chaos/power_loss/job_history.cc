#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/job/job_store.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

// A job's number of events is written into it too, as its progress: both come
// in one batch and must agree.
class JobHistory : public History {
 public:
  std::string name() const override { return "scheduler"; }

  absl::Status Step(KeyValueStore& store, std::mt19937_64& random) override {
    JobStore jobs(store);
    if (jobs_.empty() || Draw(random, 0, 2) == 0) {
      RETURN_IF_ERROR(Create(jobs, random));
    } else {
      RETURN_IF_ERROR(Move(jobs, random));
    }
    jobs_[pending_.id()] = pending_;
    return absl::OkStatus();
  }

  absl::Status Check(KeyValueStore& store) override {
    const JobStore jobs(store);
    std::map<std::string, v1::Job> there;
    RETURN_IF_ERROR(jobs.LoadAll([](const v1::Job&) { return true; },
                                 [&](v1::Job job) {
                                   const std::string id = job.id();
                                   there[id] = std::move(job);
                                 }));
    for (const auto& [id, job] : there) {
      const bool as_acknowledged = jobs_.count(id) > 0 && Same(job, jobs_[id]);
      if (!as_acknowledged && !Same(job, pending_)) {
        return absl::DataLossError("job " + id + " is as nobody ever wrote it");
      }
      RETURN_IF_ERROR(CheckParts(jobs, job));
    }
    for (const auto& [id, job] : jobs_) {
      if (there.count(id) == 0) {
        return absl::DataLossError("acknowledged job lost: " + id);
      }
    }
    jobs_ = std::move(there);
    return absl::OkStatus();
  }

 private:
  absl::Status Create(JobStore& jobs, std::mt19937_64& random) {
    v1::Job job;
    job.set_id(absl::StrCat("j-", next_++));
    job.set_kind(v1::EXTRACTION);
    job.set_state(v1::PENDING);
    job.mutable_progress()->set_done(1);
    const int64_t tasks = Draw(random, 1, 5);
    for (int i = 0; i < tasks; ++i) {
      job.add_tasks()->set_index(i);
    }
    pending_ = job;
    for (v1::Task& task : *job.mutable_tasks()) {
      for (int image = 0; image < 20; ++image) {
        task.mutable_spec()->mutable_extract()->add_image_digests(
            std::string(64, 'a'));
      }
    }
    return jobs.Create(job, {Event(1)});
  }

  absl::Status Move(JobStore& jobs, std::mt19937_64& random) {
    const int64_t at = Draw(random, 0, static_cast<int64_t>(jobs_.size()) - 1);
    pending_ = std::next(jobs_.begin(), at)->second;
    pending_.set_state(v1::RUNNING);
    const int64_t number = pending_.progress().done() + 1;
    pending_.mutable_progress()->set_done(number);
    v1::Task& task = *pending_.mutable_tasks(
        static_cast<int>(Draw(random, 0, pending_.tasks_size() - 1)));
    task.set_attempts(task.attempts() + 1);
    task.set_worker(absl::StrCat("w", number));
    JobChange change;
    change.job = pending_;
    change.tasks = {task};
    change.events = {Event(number)};
    return jobs.Write({change});
  }

  static v1::JobEvent Event(int64_t number) {
    v1::JobEvent event;
    event.set_number(number);
    return event;
  }

  // What lies under keys of their own: specs, and one event a step.
  static absl::Status CheckParts(const JobStore& jobs, const v1::Job& job) {
    for (const v1::Task& task : job.tasks()) {
      RETURN_IF_ERROR(jobs.GetSpec(job.id(), task.index()).status());
    }
    int64_t last = 0;
    RETURN_IF_ERROR(jobs.ReadEvents(job.id(), 0, [&](v1::JobEvent event) {
      return event.number() == ++last;
    }));
    if (last == job.progress().done()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("job ", job.id(), " has events to ",
                                            last, ", not to ",
                                            job.progress().done()));
  }

  static bool Same(const v1::Job& a, const v1::Job& b) {
    return a.SerializeAsString() == b.SerializeAsString();
  }

  int next_ = 0;
  std::map<std::string, v1::Job> jobs_;  // acknowledged, without specs
  v1::Job pending_;                      // the last that was written
};

}  // namespace

std::unique_ptr<History> NewJobHistory() {
  return std::make_unique<JobHistory>();
}

}  // namespace nevus
