#include "services/training/training_plan.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/training/complete_model.h"
#include "services/training/feature_check.h"
#include "services/training/split_check.h"
#include "services/training/sweep.h"

namespace nevus {
namespace {

absl::StatusOr<v1::FeatureSpace> ResolveSpace(
    const Peers& peers, const v1::TrainRequest& request,
    const grpc::ServerContext* caller) {
  v1::ResolveFeatureSpaceRequest resolve;
  resolve.set_backbone(request.backbone());
  resolve.set_cut(request.cut());
  resolve.set_pooling(request.pooling());
  resolve.set_precision(request.precision());
  resolve.set_dataset(request.dataset());
  resolve.set_version(request.version());
  resolve.set_views(request.views());
  resolve.set_values(request.values());
  const auto extraction =
      v1::FeatureService::NewStub(peers.ChannelTo("extraction"));
  return CallPeer(*extraction, &v1::FeatureService::Stub::ResolveFeatureSpace,
                  resolve, caller);
}

v1::Job CutIntoTasks(const v1::TrainRequest& request,
                     const std::vector<Combination>& combinations,
                     const v1::FeatureSpace& space) {
  v1::Job job;
  job.set_kind(v1::TRAINING);
  job.set_title(absl::StrCat("train ", request.model(), " on ",
                             request.dataset(), "@", request.version(),
                             " with ", request.backbone(), "/", space.cut()));
  for (const Combination& combination : combinations) {
    v1::Task& added = *job.add_tasks();
    v1::TrainTask& task = *added.mutable_spec()->mutable_train();
    task.set_dataset(request.dataset());
    task.set_version(request.version());
    task.set_space(space.digest());
    task.set_model(request.model());
    task.set_positive(request.positive());
    task.set_hidden(combination.hidden);
    task.set_seed(combination.seed);
    *task.mutable_operating_points() = request.operating_points();
    if (request.has_ood_rate()) task.set_ood_rate(request.ood_rate());
    if (!request.has_sweep()) continue;
    task.set_candidate(true);
    added.set_title(combination.Title());
  }
  if (!request.has_sweep()) return job;
  job.set_title(
      absl::StrCat(job.title(), ", the best of ", combinations.size()));
  v1::Task& last = *job.add_tasks();
  last.set_title("choose the best");
  last.set_stage(1);
  v1::ChooseTask& choose = *last.mutable_spec()->mutable_choose();
  choose.set_model(request.model());
  choose.set_candidates(static_cast<int>(combinations.size()));
  return job;
}

}  // namespace

absl::StatusOr<v1::Job> PlanTraining(const Peers& peers,
                                     const v1::TrainRequest& request,
                                     Features features,
                                     const grpc::ServerContext* caller) {
  RETURN_IF_ERROR(CheckName("model", request.model()));
  ASSIGN_OR_RETURN(const std::vector<Combination> combinations,
                   CombinationsOf(request));
  RETURN_IF_ERROR(ToRules(request.operating_points()).status());
  RETURN_IF_ERROR(CheckOodRate(request.ood_rate()));
  ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                   ReadExamples(peers, request.dataset(), request.version(),
                                {v1::TRAIN, v1::VALIDATION, v1::TEST}, caller));
  const std::string dataset =
      absl::StrCat(request.dataset(), "@", request.version());
  std::vector<std::string> left_out;
  const std::vector<v1::Example> train =
      LearnableRows(examples, v1::TRAIN, left_out);
  const std::vector<v1::Example> validation =
      LearnableRows(examples, v1::VALIDATION, left_out);
  std::vector<v1::Example> learned = train;
  learned.insert(learned.end(), validation.begin(), validation.end());
  if (!learned.empty()) {
    RETURN_IF_ERROR(CheckLabelOccurs(learned, request.positive()));
  }
  RETURN_IF_ERROR(
      CheckBothClasses(dataset, v1::TRAIN, train, request.positive()));
  RETURN_IF_ERROR(CheckBothClasses(dataset, v1::VALIDATION, validation,
                                   request.positive()));
  ASSIGN_OR_RETURN(const v1::FeatureSpace space,
                   ResolveSpace(peers, request, caller));
  for (const Combination& combination : combinations) {
    RETURN_IF_ERROR(CheckHeadSize(combination.hidden, space.dimension(),
                                  request.has_sweep()));
  }
  if (features == Features::kStored) {
    RETURN_IF_ERROR(CheckFeatures(peers, space.digest(), learned,
                                  ExtractCommand(dataset, request), caller));
  }
  return CutIntoTasks(request, combinations, space);
}

}  // namespace nevus
