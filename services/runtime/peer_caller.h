// On whose behalf a peer is called, and what ends such a call before its
// answer: the deadline or cancellation of the rpc that it serves, or the
// cancellation of the work that it belongs to; and what that end means. Knows
// no method.
#ifndef NEVUS_SERVICES_RUNTIME_PEER_CALLER_H_
#define NEVUS_SERVICES_RUNTIME_PEER_CALLER_H_

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <set>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"

namespace nevus {

// How long a worker waits for one answer of a peer, or one stream of answers.
// It only ends a wait for a peer that hangs: the longest real answer, the
// features of 100,000 images, takes seconds.
constexpr absl::Duration kPeerTimeout = absl::Minutes(5);

// Calls of one piece of work, which end together. Thread-safe. Outlives them.
class PeerCalls {
 public:
  PeerCalls() = default;
  PeerCalls(const PeerCalls&) = delete;
  PeerCalls& operator=(const PeerCalls&) = delete;

  // Ends the calls that wait, and any that begins later, with CANCELLED.
  void Cancel();
  bool cancelled() const;

 private:
  friend class PeerCaller;
  friend struct EndOfPeerCall;
  void Add(grpc::ClientContext& context);
  void Remove(grpc::ClientContext& context);

  mutable Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> waiting_ ABSL_GUARDED_BY(mutex_);
};

struct EndOfPeerCall {
  PeerCalls* calls = nullptr;
  void operator()(grpc::ClientContext* context) const;
};
// Destroyed after its stub's reader or writer.
using PeerContextPtr = std::unique_ptr<grpc::ClientContext, EndOfPeerCall>;

// A parameter: copied, and never null where a pointer to an rpc was meant.
class PeerCaller {
 public:
  // NOLINTNEXTLINE: every caller is one of these.
  PeerCaller(const grpc::ServerContext* rpc) : rpc_(rpc) {}
  // NOLINTNEXTLINE
  PeerCaller(PeerCalls& calls) : calls_(&calls) {}

  // For one call. An rpc's deadline and cancellation carry over. Of work, or
  // of nobody (a null rpc), it ends after kPeerTimeout.
  PeerContextPtr NewContext() const;
  // Between steps that cannot be interrupted.
  bool cancelled() const;
  // How a call with such a context ended. UNAVAILABLE, too, where gRPC alone
  // says CANCELLED and we did not want it: a peer that ends answers so.
  absl::Status ToStatus(const grpc::Status& status) const;

 private:
  const grpc::ServerContext* rpc_ = nullptr;
  PeerCalls* calls_ = nullptr;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PEER_CALLER_H_
