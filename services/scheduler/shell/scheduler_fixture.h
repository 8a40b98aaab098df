// What the scheduler's tests have in common: a scheduler on a store in memory
// that can be made to fail, a clock that stands still, and short words for what
// clients and workers say.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_FIXTURE_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_FIXTURE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "services/scheduler/shell/event_text.h"
#include "services/scheduler/shell/scheduler.h"
#include "storage/engine/request_log.h"
#include "storage/job/job_store.h"
#include "storage/testing/memory_store.h"

namespace nevus {

// A store whose writes fail as on a full disk: from the `fail_from`-th on, and
// only that one if `once`. 0: none.
class FullStore : public MemoryStore {
 public:
  std::atomic<int> fail_from{0};
  bool once = false;
  std::atomic<int> writes{0};  // asked for since it was set to 0

  void Clear() {
    for (const auto& [key, value] : rows()) {
      EXPECT_THAT(MemoryStore::Apply({{key, std::nullopt}}), IsOk());
    }
    fail_from = writes = 0;
  }
  absl::Status Apply(std::vector<Mutation> batch) override {
    const int write = ++writes;
    if (fail_from > 0 && (once ? write == fail_from : write >= fail_from)) {
      return WithReason(absl::ResourceExhaustedError("the disk is full"),
                        "DISK_FULL");
    }
    return MemoryStore::Apply(std::move(batch));
  }
};

inline v1::Job ExtractJob(int tasks, const std::string& request_id = "") {
  v1::Job job;
  job.set_kind(v1::EXTRACTION);
  job.set_title("extract isic@1");
  job.set_request_id(request_id);
  for (int i = 0; i < tasks; ++i) {
    v1::Task* task = job.add_tasks();
    task->mutable_spec()->mutable_extract()->set_space("space");
    task->mutable_progress()->set_total(256);
    task->mutable_progress()->set_unit("images");
  }
  return job;
}

inline v1::Job After(const std::vector<std::string>& ids, int tasks = 1) {
  v1::Job job = ExtractJob(tasks);
  for (const std::string& id : ids) job.add_depends_on(id);
  return job;
}

class SchedulerFixture : public testing::Test {
 protected:
  SchedulerFixture() { Open(); }

  // As after a start of the process.
  void Open() {
    scheduler_.reset();
    store_ = std::make_unique<JobStore>(engine_);
    auto requests = RequestLog::Open(engine_);
    ASSERT_THAT(requests, IsOk());
    requests_ = *std::move(requests);
    auto opened = Scheduler::Open(*store_, *requests_, clock_, options_);
    ASSERT_THAT(opened, IsOk());
    scheduler_ = *std::move(opened);
  }

  // JobService.
  v1::Job Submit(const v1::Job& job) { return scheduler_->Submit(job).value(); }
  absl::StatusOr<v1::Job> Get(const std::string& id) {
    v1::GetJobRequest request;
    request.set_id(id);
    return scheduler_->Get(request);
  }
  v1::JobState StateOf(const std::string& id) { return Get(id)->state(); }
  absl::StatusOr<v1::Job> Cancel(const std::string& id,
                                 const std::string& request_id = "") {
    v1::CancelJobRequest request;
    request.set_id(id);
    request.set_request_id(request_id);
    return scheduler_->Cancel(request);
  }
  absl::StatusOr<v1::Job> Retry(const std::string& id,
                                const std::string& request_id = "") {
    v1::RetryJobRequest request;
    request.set_id(id);
    request.set_request_id(request_id);
    return scheduler_->Retry(request);
  }
  // Ids of all jobs, in pages of `page_size`.
  std::vector<std::string> List(int page_size = 1000) {
    v1::ListJobsRequest request;
    request.set_page_size(page_size);
    std::vector<std::string> ids;
    do {
      const v1::ListJobsResponse page = scheduler_->List(request).value();
      for (const v1::Job& job : page.jobs()) ids.push_back(job.id());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }
  std::vector<std::string> Events(const std::string& id, int64_t after = 0) {
    std::vector<std::string> told;
    const Scheduler::News news =
        scheduler_->AwaitNews(id, after, absl::ZeroDuration()).value();
    EXPECT_THAT(scheduler_->ReadEvents(id, after, news.last_event,
                                       [&](const v1::JobEvent& event) {
                                         told.push_back(Text(event));
                                         return true;
                                       }),
                IsOk());
    return told;
  }
  // WorkerService.
  static v1::LeaseTaskRequest From(const std::string& worker,
                                   v1::WorkerKind kind = v1::EXTRACTION) {
    v1::LeaseTaskRequest request;
    request.set_worker(worker);
    request.set_kind(kind);
    return request;
  }
  v1::LeaseTaskResponse Lease(const std::string& worker) {
    return scheduler_->LeaseTask(From(worker), absl::ZeroDuration()).value();
  }
  absl::Status Finish(const std::string& worker, const v1::Lease& lease,
                      const std::string& result = "made") {
    v1::FinishTaskRequest request;
    request.set_worker(worker);
    *request.mutable_lease() = lease;
    request.set_result(result);
    return scheduler_->FinishTask(request);
  }
  absl::Status Fail(const std::string& worker, const v1::Lease& lease,
                    absl::StatusCode code, const std::string& reason) {
    v1::FinishTaskRequest request;
    request.set_worker(worker);
    *request.mutable_lease() = lease;
    request.mutable_error()->set_code(static_cast<int>(code));
    request.mutable_error()->set_reason(reason);
    request.mutable_error()->set_message("it did not work");
    return scheduler_->FinishTask(request);
  }
  static v1::HeartbeatRequest Alive(const std::string& worker,
                                    const v1::Lease& lease, int64_t done = 0) {
    v1::HeartbeatRequest request;
    request.set_worker(worker);
    *request.mutable_lease() = lease;
    if (done > 0) {
      request.mutable_progress()->set_done(done);
      request.mutable_progress()->set_total(256);
      request.mutable_progress()->set_unit("images");
    }
    return request;
  }
  // Leases the next task and finishes it.
  void DoOne(const std::string& worker = "w1") {
    const v1::LeaseTaskResponse leased = Lease(worker);
    ASSERT_TRUE(leased.has_lease());
    ASSERT_THAT(Finish(worker, leased.lease()), IsOk());
  }

  FakeClock clock_{absl::FromUnixSeconds(1'000'000)};
  FullStore engine_;
  SchedulerOptions options_;
  std::unique_ptr<JobStore> store_;
  std::unique_ptr<RequestLog> requests_;
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_SCHEDULER_FIXTURE_H_
