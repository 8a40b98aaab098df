// A service that never answers: its callers have to go. Each call waits until
// its own is cancelled, at most as long as a test may take.
#ifndef NEVUS_SERVICES_TESTING_HANGING_PEER_H_
#define NEVUS_SERVICES_TESTING_HANGING_PEER_H_

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "protos/nevus/v1/job.grpc.pb.h"

namespace nevus {

// Thread-safe.
class HangingPeer final : public v1::JobService::Service {
 public:
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest*,
                      v1::Job*) override {
    return Hang(*context);
  }
  grpc::Status WatchJob(grpc::ServerContext* context,
                        const v1::WatchJobRequest*,
                        grpc::ServerWriter<v1::WatchJobResponse>*) override {
    return Hang(*context);
  }

  // Until so many calls have come.
  void AwaitCalls(int count) {
    MutexLock lock(mutex_);
    while (calls_ < count) called_.Wait(mutex_);
  }

 private:
  grpc::Status Hang(const grpc::ServerContext& context) {
    {
      MutexLock lock(mutex_);
      ++calls_;
      called_.NotifyAll();
    }
    const StopSignal never;
    while (!context.IsCancelled()) never.WaitFor(absl::Milliseconds(1));
    return grpc::Status::CANCELLED;
  }

  Mutex mutex_;
  CondVar called_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_TESTING_HANGING_PEER_H_
