#include "services/registry/checkpoint_pruner.h"

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "services/runtime/peer_call.h"

namespace nevus {
namespace {

constexpr absl::Duration kEvery = absl::Hours(1);
constexpr absl::Duration kAfterFailure = absl::Minutes(1);

}  // namespace

absl::Status DropForgottenCheckpoints(ModelStore& models, const Peers& peers,
                                      PeerCaller caller) {
  ASSIGN_OR_RETURN(const std::vector<std::string> jobs,
                   models.JobsWithCheckpoints());
  const auto scheduler = v1::JobService::NewStub(peers.ChannelTo("scheduler"));
  for (const std::string& job : jobs) {
    v1::GetJobRequest request;
    request.set_id(job);
    const absl::Status known =
        CallPeer(*scheduler, &v1::JobService::Stub::GetJob, request, caller)
            .status();
    if (known.ok()) continue;
    if (!absl::IsNotFound(known) || ReasonOf(known) != "JOB_NOT_FOUND") {
      return known;
    }
    RETURN_IF_ERROR(models.DropCheckpoints(job));
    Log("checkpoints.dropped").With("job", job);
  }
  return absl::OkStatus();
}

void CheckpointPruner::Start() {
  thread_ = std::thread([this] {
    absl::Duration wait;
    do {
      const absl::Status round =
          DropForgottenCheckpoints(models_, peers_, calls_);
      wait = round.ok() ? kEvery : kAfterFailure;
      if (!round.ok() && !absl::IsUnavailable(round) && !stop_.stopped()) {
        Log("checkpoints.not_dropped").With("why", round.message());
      }
    } while (!stop_.WaitFor(wait));
  });
}

void CheckpointPruner::Stop() {
  stop_.Stop();
  calls_.Cancel();
  if (thread_.joinable()) thread_.join();
}

}  // namespace nevus
