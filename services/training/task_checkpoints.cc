#include "services/training/task_checkpoints.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

// The contract's limit (model.proto), less what stands around the bytes.
constexpr size_t kMostBytes = (size_t{48} << 20) - 64;

}  // namespace

absl::StatusOr<v1::Checkpoint> TaskCheckpoints::Read() {
  v1::ReadCheckpointRequest request;
  request.set_job(context_.lease().job());
  request.set_task(context_.lease().task());
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  absl::StatusOr<v1::Checkpoint> found =
      CallPeer(*registry, &v1::ModelService::Stub::ReadCheckpoint, request,
               context_.calls());
  if (absl::IsNotFound(found.status())) return v1::Checkpoint();
  if (absl::IsDataLoss(found.status())) {
    context_.Log(absl::StrCat("the checkpoint cannot be read: ",
                              found.status().message()));
    return v1::Checkpoint();
  }
  return found;
}

absl::Status TaskCheckpoints::WriteCandidate(v1::Model candidate) {
  v1::Checkpoint checkpoint;
  *checkpoint.mutable_candidate() = std::move(candidate);
  return Write(std::move(checkpoint));
}

absl::Status TaskCheckpoints::WriteTraining(
    const std::function<std::string()>& bytes) {
  if (is_too_large_) return absl::OkStatus();
  v1::Checkpoint checkpoint;
  checkpoint.set_training(bytes());
  const size_t size = checkpoint.training().size();
  if (size > kMostBytes) {
    is_too_large_ = true;
    context_.Log(absl::StrCat("goes without checkpoints: one has ", size,
                              " bytes, the most is ", kMostBytes));
    return absl::OkStatus();
  }
  const absl::Status written = Write(std::move(checkpoint));
  if (absl::IsUnavailable(written) || absl::IsDeadlineExceeded(written)) {
    context_.Log(absl::StrCat("a checkpoint could not be written, training ",
                              "goes on: ", written.message()));
    return absl::OkStatus();
  }
  return written;
}

absl::Status TaskCheckpoints::Write(v1::Checkpoint checkpoint) {
  v1::WriteCheckpointRequest request;
  *request.mutable_checkpoint() = std::move(checkpoint);
  *request.mutable_lease() = context_.lease();
  const auto registry = v1::ModelService::NewStub(peers_.ChannelTo("registry"));
  return CallPeer(*registry, &v1::ModelService::Stub::WriteCheckpoint, request,
                  context_.calls())
      .status();
}

}  // namespace nevus
