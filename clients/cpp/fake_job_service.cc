#include "clients/cpp/fake_job_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr int kPage = 2;

// How often a watcher looks whether its call was cancelled.
constexpr absl::Duration kLook = absl::Milliseconds(20);

bool Ended(const v1::Job& job) {
  return job.state() == v1::SUCCEEDED || job.state() == v1::FAILED ||
         job.state() == v1::CANCELLED;
}

grpc::Status NoJob(const std::string& id) {
  return ToGrpc(WithReason(absl::NotFoundError("there is no job " + id),
                           "JOB_NOT_FOUND"));
}

}  // namespace

void FakeJobService::Put(const v1::Job& job) {
  MutexLock lock(mutex_);
  Entry& entry = jobs_[job.id()];
  entry.job = job;
  entry.job.set_last_event(static_cast<int64_t>(entry.events.size()));
  changed_.NotifyAll();
}

void FakeJobService::Tell(const std::string& id, v1::JobEvent event) {
  MutexLock lock(mutex_);
  Entry& entry = jobs_[id];
  event.set_number(static_cast<int64_t>(entry.events.size()) + 1);
  entry.job.set_last_event(event.number());
  entry.events.push_back(std::move(event));
  changed_.NotifyAll();
}

void FakeJobService::Forget(const std::string& id, int64_t number) {
  MutexLock lock(mutex_);
  jobs_[id].events.resize(static_cast<size_t>(number));
  jobs_[id].job.set_last_event(number);
}

void FakeJobService::Cut(std::deque<CutStream> cuts) {
  MutexLock lock(mutex_);
  cuts_ = std::move(cuts);
}

std::vector<int64_t> FakeJobService::watches() const {
  MutexLock lock(mutex_);
  return watches_;
}

std::vector<std::string> FakeJobService::request_ids() const {
  MutexLock lock(mutex_);
  return request_ids_;
}

grpc::Status FakeJobService::GetJob(grpc::ServerContext*,
                                    const v1::GetJobRequest* request,
                                    v1::Job* response) {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(request->id());
  if (found == jobs_.end()) return NoJob(request->id());
  *response = found->second.job;
  return grpc::Status::OK;
}

grpc::Status FakeJobService::ListJobs(grpc::ServerContext*,
                                      const v1::ListJobsRequest* request,
                                      v1::ListJobsResponse* response) {
  MutexLock lock(mutex_);
  int skip = 0;
  if (!request->page_token().empty() &&
      !absl::SimpleAtoi(request->page_token(), &skip)) {
    return ToGrpc(absl::InvalidArgumentError("not a token of this server"));
  }
  auto job = jobs_.rbegin();
  std::advance(job, skip);
  for (; job != jobs_.rend() && response->jobs_size() < kPage; ++job) {
    *response->add_jobs() = job->second.job;
    response->mutable_jobs()->rbegin()->clear_tasks();
  }
  if (job != jobs_.rend()) {
    response->set_next_page_token(absl::StrCat(skip + kPage));
  }
  return grpc::Status::OK;
}

bool FakeJobService::Next(const Entry& entry, const Sent& sent,
                          v1::WatchJobResponse* next) {
  if (sent.anything && sent.event < static_cast<int64_t>(entry.events.size())) {
    *next->mutable_event() = entry.events[static_cast<size_t>(sent.event)];
    return true;
  }
  if (!sent.anything || sent.reason != entry.job.reason()) {
    *next->mutable_job() = entry.job;
    return true;
  }
  return false;
}

bool FakeJobService::Await(const grpc::ServerContext& context,
                           const v1::WatchJobRequest& request, Sent* sent,
                           v1::WatchJobResponse* next) {
  MutexLock lock(mutex_);
  while (!Next(jobs_[request.id()], *sent, next)) {
    if (request.past_only() || context.IsCancelled()) return false;
    const v1::Job& job = jobs_[request.id()].job;
    if (Ended(job)) {
      *next->mutable_job() = job;
      return false;
    }
    changed_.WaitFor(mutex_, kLook);
  }
  if (next->has_job()) {
    sent->anything = true;
    sent->reason = next->job().reason();
  } else {
    sent->event = next->event().number();
  }
  return true;
}

grpc::Status FakeJobService::WatchJob(
    grpc::ServerContext* context, const v1::WatchJobRequest* request,
    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  CutStream cut;
  cut.messages = -1;
  {
    MutexLock lock(mutex_);
    watches_.push_back(request->after_event());
    if (jobs_.count(request->id()) == 0) return NoJob(request->id());
    if (!cuts_.empty()) {
      cut = cuts_.front();
      cuts_.pop_front();
    }
  }
  Sent sent;
  sent.event = request->after_event();
  for (int messages = 0;; ++messages) {
    if (messages == cut.messages) return {cut.code, "cut by the test"};
    v1::WatchJobResponse next;
    const bool goes_on = Await(*context, *request, &sent, &next);
    if (next.news_case() != v1::WatchJobResponse::NEWS_NOT_SET) {
      writer->Write(next);
    }
    if (!goes_on) return grpc::Status::OK;
  }
}

grpc::Status FakeJobService::CancelJob(grpc::ServerContext*,
                                       const v1::CancelJobRequest* request,
                                       v1::Job* response) {
  MutexLock lock(mutex_);
  request_ids_.push_back(request->request_id());
  const auto found = jobs_.find(request->id());
  if (found == jobs_.end()) return NoJob(request->id());
  found->second.job.set_state(v1::CANCELLED);
  *response = found->second.job;
  return grpc::Status::OK;
}

grpc::Status FakeJobService::RetryJob(grpc::ServerContext*,
                                      const v1::RetryJobRequest* request,
                                      v1::Job* response) {
  MutexLock lock(mutex_);
  request_ids_.push_back(request->request_id());
  const auto found = jobs_.find(request->id());
  if (found == jobs_.end()) return NoJob(request->id());
  found->second.job.set_state(v1::PENDING);
  *response = found->second.job;
  return grpc::Status::OK;
}

}  // namespace nevus
