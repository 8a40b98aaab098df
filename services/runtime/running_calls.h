// How many calls a gRPC server has, so that its end can wait until clients were
// told. gRPC answers a call that arrives while it shuts down with CANCELLED and
// no word, which no client tries again: who has just had an answer asks the
// next thing at that very moment.
#ifndef NEVUS_SERVICES_RUNTIME_RUNNING_CALLS_H_
#define NEVUS_SERVICES_RUNTIME_RUNNING_CALLS_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>

#include "absl/time/time.h"
#include "base/mutex.h"

namespace nevus {

// Thread-safe.
class RunningCalls {
 public:
  // For grpc::ServerBuilder::experimental().SetInterceptorCreators; `this` must
  // outlive the server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  NewCounter();

  // Waits until for all of `quiet` there was no call; false if that took longer
  // than `limit`.
  bool AwaitQuiet(absl::Duration quiet, absl::Duration limit);

 private:
  class Counter;
  class Factory;

  Mutex mutex_;
  CondVar changed_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_RUNNING_CALLS_H_
