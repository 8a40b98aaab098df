// A JobService in memory that tells histories written by a test, for tests of
// clients. Follows the contract in job.proto, and breaks streams when told to.
#ifndef NEVUS_CLIENTS_CPP_FAKE_JOB_SERVICE_H_
#define NEVUS_CLIENTS_CPP_FAKE_JOB_SERVICE_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "protos/nevus/v1/job.grpc.pb.h"

namespace nevus {

// How a stream of WatchJob ends before its job does.
struct CutStream {
  int messages = 0;  // after so many
  grpc::StatusCode code = grpc::StatusCode::UNAVAILABLE;
};

// Thread-safe.
class FakeJobService final : public v1::JobService::Service {
 public:
  // Adds a job, or puts another state of it in its place: watchers get a
  // snapshot when its reason changes and when it has ended.
  void Put(const v1::Job& job);
  // Appends to a job's history, giving the next number.
  void Tell(const std::string& id, v1::JobEvent event);
  // Drops what was told after `number`: a restored backup.
  void Forget(const std::string& id, int64_t number);
  // The next streams, one each; the others are not cut.
  void Cut(std::deque<CutStream> cuts);

  // `after_event` of each WatchJob so far.
  std::vector<int64_t> watches() const;
  // request_id of each CancelJob and RetryJob so far.
  std::vector<std::string> request_ids() const;

  grpc::Status GetJob(grpc::ServerContext* context,
                      const v1::GetJobRequest* request,
                      v1::Job* response) override;
  // Pages of at most 2, so that a client must turn them.
  grpc::Status ListJobs(grpc::ServerContext* context,
                        const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status WatchJob(
      grpc::ServerContext* context, const v1::WatchJobRequest* request,
      grpc::ServerWriter<v1::WatchJobResponse>* writer) override;
  grpc::Status CancelJob(grpc::ServerContext* context,
                         const v1::CancelJobRequest* request,
                         v1::Job* response) override;
  grpc::Status RetryJob(grpc::ServerContext* context,
                        const v1::RetryJobRequest* request,
                        v1::Job* response) override;

 private:
  struct Entry {
    v1::Job job;
    std::vector<v1::JobEvent> events;
  };
  // What a watcher has had.
  struct Sent {
    bool anything = false;
    std::string reason;
    int64_t event = 0;
  };

  static bool Next(const Entry& entry, const Sent& sent,
                   v1::WatchJobResponse* next);
  // Waits for the next message; false if the stream ends without one, or after
  // it when it is the last snapshot.
  bool Await(const grpc::ServerContext& context,
             const v1::WatchJobRequest& request, Sent* sent,
             v1::WatchJobResponse* next);

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Entry> jobs_ ABSL_GUARDED_BY(mutex_);
  std::deque<CutStream> cuts_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> watches_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> request_ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_CPP_FAKE_JOB_SERVICE_H_
