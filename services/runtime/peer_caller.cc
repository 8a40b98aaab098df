#include "services/runtime/peer_caller.h"

#include "absl/strings/str_cat.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"

namespace nevus {

void PeerCalls::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  for (grpc::ClientContext* context : waiting_) context->TryCancel();
}

bool PeerCalls::cancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void PeerCalls::Add(grpc::ClientContext& context) {
  MutexLock lock(mutex_);
  waiting_.insert(&context);
  // gRPC remembers it for a call that has not begun.
  if (cancelled_) context.TryCancel();
}

void PeerCalls::Remove(grpc::ClientContext& context) {
  MutexLock lock(mutex_);
  waiting_.erase(&context);
}

void EndOfPeerCall::operator()(grpc::ClientContext* context) const {
  if (calls != nullptr) calls->Remove(*context);
  delete context;
}

PeerContextPtr PeerCaller::NewContext() const {
  if (rpc_ != nullptr) {
    return PeerContextPtr(
        grpc::ClientContext::FromServerContext(*rpc_).release());
  }
  PeerContextPtr context(new grpc::ClientContext, EndOfPeerCall{calls_});
  SetTimeout(*context, kPeerTimeout);
  if (calls_ != nullptr) calls_->Add(*context);
  return context;
}

bool PeerCaller::cancelled() const {
  if (rpc_ != nullptr) return rpc_->IsCancelled();
  return calls_ != nullptr && calls_->cancelled();
}

absl::Status PeerCaller::ToStatus(const grpc::Status& status) const {
  absl::Status result = FromGrpc(status);
  if (absl::IsCancelled(result) && ReasonOf(result).empty() && !cancelled()) {
    return absl::UnavailableError(
        absl::StrCat("a peer ended during a call: ", result.message()));
  }
  return result;
}

}  // namespace nevus
