#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/job/job_store.h"
#include "tests/chaos/power_loss/histories.h"
#include "tests/chaos/power_loss/random.h"

namespace nevus {
namespace {

class JobHistory : public History {
 public:
  std::string name() const override { return "scheduler"; }

  absl::Status Step(KeyValueStore& store, std::mt19937_64& random) override {
    JobStore jobs(store);
    if (jobs_.empty() || Draw(random, 0, 2) == 0) {
      pending_ = NewJob(random);
      RETURN_IF_ERROR(jobs.Create(pending_));
    } else {
      pending_ =
          std::next(jobs_.begin(),
                    Draw(random, 0, static_cast<int64_t>(jobs_.size()) - 1))
              ->second;
      pending_.set_state(pending_.state() == v1::RUNNING ? v1::SUCCEEDED
                                                         : v1::RUNNING);
      pending_.mutable_progress()->set_done(pending_.progress().done() + 1);
      RETURN_IF_ERROR(jobs.Update(pending_));
    }
    jobs_[pending_.id()] = pending_;
    return absl::OkStatus();
  }

  absl::Status Check(KeyValueStore& store) override {
    const JobStore jobs(store);
    std::map<std::string, v1::Job> there;
    RETURN_IF_ERROR(jobs.LoadAll([&](v1::Job job) {
      const std::string id = job.id();
      there[id] = std::move(job);
    }));
    for (const auto& [id, job] : there) {
      const bool as_acknowledged = jobs_.count(id) > 0 && Same(job, jobs_[id]);
      if (!as_acknowledged && !Same(job, pending_)) {
        return absl::DataLossError("job " + id + " is as nobody ever wrote it");
      }
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
  v1::Job NewJob(std::mt19937_64& random) {
    v1::Job job;
    job.set_id(absl::StrCat("j-", next_++));
    job.set_kind(v1::EXTRACTION);
    job.set_state(v1::PENDING);
    for (int64_t i = Draw(random, 1, 5); i > 0; --i) {
      v1::ExtractTask& spec =
          *job.add_tasks()->mutable_spec()->mutable_extract();
      for (int image = 0; image < 20; ++image) {
        spec.add_image_digests(std::string(64, 'a'));
      }
    }
    return job;
  }

  static bool Same(const v1::Job& a, const v1::Job& b) {
    return a.SerializeAsString() == b.SerializeAsString();
  }

  int next_ = 0;
  std::map<std::string, v1::Job> jobs_;  // acknowledged
  v1::Job pending_;                      // the last that was written
};

}  // namespace

std::unique_ptr<History> NewJobHistory() {
  return std::make_unique<JobHistory>();
}

}  // namespace nevus
