#include "services/training/choose.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_caller.h"
#include "services/training/golden_answers.h"
#include "services/training/registry_calls.h"

namespace nevus {
namespace {

absl::Status CandidateMissing(const std::string& job, int task,
                              const std::string& what_is_there) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "task ", task, " of job ", job, " left ", what_is_there,
          " instead of a candidate; all are needed to choose the best. Submit "
          "the sweep again")),
      "CANDIDATE_MISSING", {{"task", absl::StrCat(task)}});
}

// NOT_FOUND if the task has no checkpoint.
absl::StatusOr<v1::Model> ReadCandidate(v1::ModelService::Stub& registry,
                                        const std::string& job, int task,
                                        PeerCaller caller) {
  v1::ReadCheckpointRequest request;
  request.set_job(job);
  request.set_task(task);
  ASSIGN_OR_RETURN(v1::Checkpoint checkpoint,
                   CallPeer(registry, &v1::ModelService::Stub::ReadCheckpoint,
                            request, caller));
  if (!checkpoint.has_candidate()) {
    return CandidateMissing(job, task, "a training in the middle");
  }
  return std::move(*checkpoint.mutable_candidate());
}

}  // namespace

absl::StatusOr<std::string> ChooseBest(const Peers& peers,
                                       const v1::ChooseTask& task,
                                       TaskContext& context) {
  const std::string& job = context.lease().job();
  const auto registry = v1::ModelService::NewStub(peers.ChannelTo("registry"));
  v1::Progress progress;
  progress.set_total(task.candidates());
  progress.set_unit("candidates");
  v1::Model best;  // one in memory, however many there are
  for (int i = 0; i < task.candidates(); ++i) {
    if (context.cancelled()) {
      return absl::CancelledError(
          "the job was cancelled or the lease lost; no model was registered, "
          "and the candidates are kept");
    }
    absl::StatusOr<v1::Model> candidate =
        ReadCandidate(*registry, job, i, context.calls());
    if (absl::IsNotFound(candidate.status())) {
      // An earlier attempt may have registered the best, and dropped them all,
      // without being heard.
      ASSIGN_OR_RETURN(
          const std::optional<v1::Model> there,
          FindModelOfJob(peers, task.model(), job, context.calls()));
      if (there.has_value()) return VersionText(*there);
      return CandidateMissing(job, i, "nothing");
    }
    RETURN_IF_ERROR(candidate.status());
    const double auc = candidate->training().validation_auc();
    if (i == 0 || auc > best.training().validation_auc()) {
      best = *std::move(candidate);
      progress.set_message(absl::StrFormat(
          "task %d, hidden=%d seed=%d, is the best so far: validation AUC %.4f",
          i, best.head().hidden(), best.training().seed(), auc));
    }
    progress.set_done(i + 1);
    context.Report(progress);
  }
  context.Log(absl::StrCat("of ", task.candidates(), " candidates ",
                           progress.message()));
  RETURN_IF_ERROR(AddGoldenAnswers(peers, context, best));
  return RegisterModel(peers, std::move(best), context.lease(),
                       context.calls());
}

}  // namespace nevus
