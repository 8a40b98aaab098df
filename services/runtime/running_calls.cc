#include "services/runtime/running_calls.h"

#include <algorithm>

#include "base/clock.h"

namespace nevus {

// gRPC makes one where a call begins and destroys it with the call.
class RunningCalls::Counter final : public grpc::experimental::Interceptor {
 public:
  explicit Counter(RunningCalls& calls) : calls_(calls) {
    MutexLock lock(calls_.mutex_);
    ++calls_.running_;
    calls_.changed_.NotifyAll();
  }
  ~Counter() override {
    MutexLock lock(calls_.mutex_);
    --calls_.running_;
    calls_.changed_.NotifyAll();
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

 private:
  RunningCalls& calls_;
};

class RunningCalls::Factory final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(RunningCalls& calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo*) override {
    return new Counter(calls_);  // gRPC owns it
  }

 private:
  RunningCalls& calls_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
RunningCalls::NewCounter() {
  return std::make_unique<Factory>(*this);
}

bool RunningCalls::AwaitQuiet(absl::Duration quiet, absl::Duration limit) {
  const Stopwatch watch;
  MutexLock lock(mutex_);
  while (true) {
    const absl::Duration left = limit - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration()) return false;
    // Any call that begins or ends wakes us: only without one it times out.
    const bool idle = running_ == 0;
    const bool woken =
        changed_.WaitFor(mutex_, idle ? std::min(quiet, left) : left);
    if (idle && !woken && quiet <= left) return true;
  }
}

}  // namespace nevus
