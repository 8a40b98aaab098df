#include "services/runtime/health.h"

#include <utility>

namespace nevus {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One stream. Deletes itself once gRPC is done with it.
class Health::Watcher final
    : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(Health& health, bool known) : known(known), health_(health) {
    MutexLock lock(health_.mutex_);
    health_.watchers_.insert(this);
    health_.Proceed(*this);
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(health_.mutex_);
    writing = false;
    if (ok) return health_.Proceed(*this);
    health_.End(*this, grpc::Status(grpc::StatusCode::CANCELLED, "broken"));
  }
  void OnCancel() override {
    MutexLock lock(health_.mutex_);
    health_.End(*this, grpc::Status(grpc::StatusCode::CANCELLED, "cancelled"));
  }
  void OnDone() override {
    {
      MutexLock lock(health_.mutex_);
      health_.watchers_.erase(this);
    }
    delete this;
  }

  // Guarded by the health's mutex.
  const bool known;
  HealthCheckResponse last;  // that was written; at first UNKNOWN
  bool writing = false;
  bool finished = false;

 private:
  Health& health_;
};

void Health::Proceed(Watcher& watcher) {
  if (watcher.writing || watcher.finished) return;
  const auto now = !watcher.known ? HealthCheckResponse::SERVICE_UNKNOWN
                   : serving_     ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING;
  if (watcher.last.status() != now) {
    watcher.last.set_status(now);
    watcher.writing = true;
    watcher.StartWrite(&watcher.last);
  } else if (ended_) {
    End(watcher,
        grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server shuts down"));
  }
}

void Health::End(Watcher& watcher, const grpc::Status& status) {
  if (watcher.finished) return;
  watcher.finished = true;
  watcher.Finish(status);
}

Health::Health(std::set<std::string> services)
    : services_([&services] {
        services.insert("");
        return std::move(services);
      }()) {}

void Health::StopServing() {
  MutexLock lock(mutex_);
  serving_ = false;
  for (Watcher* watcher : watchers_) Proceed(*watcher);
}

void Health::EndWatches() {
  MutexLock lock(mutex_);
  serving_ = false;
  ended_ = true;
  for (Watcher* watcher : watchers_) Proceed(*watcher);
}

grpc::ServerUnaryReactor* Health::Check(grpc::CallbackServerContext* call,
                                        const HealthCheckRequest* request,
                                        HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = call->DefaultReactor();
  if (services_.count(request->service()) == 0) {
    reactor->Finish(grpc::Status(
        grpc::StatusCode::NOT_FOUND,
        "this process hosts no service \"" + request->service() + "\""));
    return reactor;
  }
  {
    MutexLock lock(mutex_);
    response->set_status(serving_ ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING);
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* Health::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  return new Watcher(*this, services_.count(request->service()) > 0);
}

}  // namespace nevus
