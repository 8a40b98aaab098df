#include "services/training/training_service.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/training/registry_reads.h"
#include "services/training/split_check.h"

namespace nevus {
namespace {

constexpr int kDefaultHidden = 256;
constexpr int kMaxHidden = 4096;  // the contract's limit (model.proto)
// Of a head, which travels in one message of kMaxMessageBytes with the rest of
// its model: 60 MiB of floats.
constexpr int64_t kMaxHeadWeights = 15 << 20;

std::string VersionText(const std::string& name, int64_t version) {
  return absl::StrCat(name, "@", version);
}

absl::StatusOr<int> HiddenUnits(const v1::TrainRequest& request) {
  if (!request.has_hidden()) return kDefaultHidden;
  if (request.hidden() >= 0 && request.hidden() <= kMaxHidden) {
    return request.hidden();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          request.hidden(), " hidden units are not possible; 0 to ", kMaxHidden,
          " are, 0 for logistic regression. Choose a number among them")),
      "HIDDEN_INVALID");
}

absl::Status CheckHeadSize(int hidden, int dimension) {
  const int64_t weights = int64_t{hidden} * dimension;
  if (weights <= kMaxHeadWeights) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          hidden, " hidden units on features of ", dimension, " numbers are ",
          weights, " weights; the most is ", kMaxHeadWeights,
          ". Take fewer units, or pool the features")),
      "HIDDEN_INVALID");
}

// How the user would compute what is missing: `flags` as given to train.
std::string ExtractCommand(const std::string& dataset,
                           const v1::TrainRequest& flags) {
  std::string command =
      absl::StrCat("nevus extract ", dataset, " --backbone ", flags.backbone());
  if (!flags.cut().empty()) absl::StrAppend(&command, " --cut ", flags.cut());
  if (!flags.pooling().empty()) {
    absl::StrAppend(&command, " --pool ", flags.pooling());
  }
  if (!flags.precision().empty()) {
    absl::StrAppend(&command, " --precision ", flags.precision());
  }
  return command;
}

class TrainingService final : public HostedService,
                              public v1::TrainingService::Service {
 public:
  explicit TrainingService(const Peers& peers) : peers_(peers) {}

  std::vector<grpc::Service*> grpc_services() override { return {this}; }

  grpc::Status Train(grpc::ServerContext* call, const v1::TrainRequest* request,
                     v1::Job* response) override {
    return Answer(SubmitTraining(*request, call), response);
  }

  grpc::Status Evaluate(grpc::ServerContext* call,
                        const v1::EvaluateRequest* request,
                        v1::Job* response) override {
    return Answer(SubmitEvaluation(*request, call), response);
  }

 private:
  static grpc::Status Answer(absl::StatusOr<v1::Job> job, v1::Job* response) {
    if (!job.ok()) return ToGrpc(job.status());
    *response = *std::move(job);
    return grpc::Status::OK;
  }

  absl::StatusOr<v1::Job> SubmitTraining(const v1::TrainRequest& request,
                                         const grpc::ServerContext* call) {
    RETURN_IF_ERROR(CheckName("model", request.model()));
    ASSIGN_OR_RETURN(const int hidden, HiddenUnits(request));
    ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                     ReadExamples(peers_, request.dataset(), request.version(),
                                  {v1::TRAIN, v1::VALIDATION, v1::TEST}, call));
    const std::string dataset =
        VersionText(request.dataset(), request.version());
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
    ASSIGN_OR_RETURN(const v1::FeatureSpace space, ResolveSpace(request, call));
    RETURN_IF_ERROR(CheckHeadSize(hidden, space.dimension()));
    RETURN_IF_ERROR(CheckFeatures(space.digest(), learned,
                                  ExtractCommand(dataset, request), call));

    v1::SubmitJobRequest submit;
    v1::Job& job = *submit.mutable_job();
    job.set_kind(v1::TRAINING);
    job.set_title(absl::StrCat("train ", request.model(), " on ", dataset,
                               " with ", request.backbone(), "/", space.cut()));
    job.set_request_id(request.request_id());
    v1::TrainTask& task = *job.add_tasks()->mutable_spec()->mutable_train();
    task.set_dataset(request.dataset());
    task.set_version(request.version());
    task.set_space(space.digest());
    task.set_model(request.model());
    task.set_positive(request.positive());
    task.set_hidden(hidden);
    task.set_seed(request.seed());
    return Submit(submit, call);
  }

  absl::StatusOr<v1::Job> SubmitEvaluation(const v1::EvaluateRequest& request,
                                           const grpc::ServerContext* call) {
    ASSIGN_OR_RETURN(const v1::Split split, ParseSplit(request.split()));
    v1::EvaluateTask task;
    task.set_model(request.model());
    task.set_model_version(request.model_version());
    task.set_dataset(request.dataset());
    task.set_dataset_version(request.dataset_version());
    task.set_split(request.split());
    ASSIGN_OR_RETURN(const v1::Model model,
                     GetModelVersion(peers_, request.model(),
                                     request.model_version(), call));
    const std::string model_text =
        VersionText(request.model(), request.model_version());
    const std::string dataset =
        VersionText(request.dataset(), request.dataset_version());
    if (split == v1::TEST) {
      if (!request.final()) {
        return WithReason(
            absl::FailedPreconditionError(absl::StrCat(
                "the test split of ", dataset, " is sealed for ", model_text,
                ": it can be opened once, when nothing is left to choose. Use "
                "the validation split, or open it with `--final`")),
            "TEST_SPLIT_SEALED");
      }
      ASSIGN_OR_RETURN(const std::string opener,
                       JobThatEvaluated(peers_, task, call));
      if (!opener.empty())
        return SameRequestOrOpened(request, task, opener, call);
    }
    ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                     ReadExamples(peers_, request.dataset(),
                                  request.dataset_version(), {split}, call));
    RETURN_IF_ERROR(
        CheckBothClasses(dataset, split, examples, model.positive()));
    v1::TrainRequest space;
    space.set_backbone(model.lineage().backbone_name());
    space.set_cut(model.space().cut());
    space.set_pooling(model.space().pooling());
    space.set_precision(model.space().arithmetic());
    RETURN_IF_ERROR(CheckFeatures(model.space().digest(), examples,
                                  ExtractCommand(dataset, space), call));

    v1::SubmitJobRequest submit;
    v1::Job& job = *submit.mutable_job();
    job.set_kind(v1::EVALUATION);
    job.set_title(absl::StrCat("evaluate ", model_text, " on ", dataset, "/",
                               request.split()));
    job.set_request_id(request.request_id());
    *job.add_tasks()->mutable_spec()->mutable_evaluate() = task;
    return Submit(submit, call);
  }

  // The test split was opened. A repeated request gets its job again; any other
  // is refused.
  absl::StatusOr<v1::Job> SameRequestOrOpened(
      const v1::EvaluateRequest& request, const v1::EvaluateTask& task,
      const std::string& opener, const grpc::ServerContext* call) {
    if (!request.request_id().empty()) {
      const auto scheduler =
          v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
      v1::GetJobRequest get;
      get.set_id(opener);
      absl::StatusOr<v1::Job> job =
          CallPeer(*scheduler, &v1::JobService::Stub::GetJob, get, call);
      if (job.ok() && job->request_id() == request.request_id()) return job;
      if (!job.ok() && !absl::IsNotFound(job.status())) return job.status();
    }
    return TestSplitOpened(task, opener);
  }

  absl::StatusOr<v1::FeatureSpace> ResolveSpace(
      const v1::TrainRequest& request, const grpc::ServerContext* call) {
    v1::ResolveFeatureSpaceRequest resolve;
    resolve.set_backbone(request.backbone());
    resolve.set_cut(request.cut());
    resolve.set_pooling(request.pooling());
    resolve.set_precision(request.precision());
    const auto extraction =
        v1::FeatureService::NewStub(peers_.ChannelTo("extraction"));
    return CallPeer(*extraction, &v1::FeatureService::Stub::ResolveFeatureSpace,
                    resolve, call);
  }

  absl::Status CheckFeatures(const std::string& space,
                             const std::vector<v1::Example>& examples,
                             const std::string& remedy,
                             const grpc::ServerContext* call) {
    const std::vector<std::string> rows = ImagesOf(examples);
    const std::set<std::string> images(rows.begin(), rows.end());
    ASSIGN_OR_RETURN(const std::vector<std::string> missing,
                     FindMissingFeatures(peers_, space,
                                         {images.begin(), images.end()}, call));
    if (missing.empty()) return absl::OkStatus();
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            missing.size(), " of ", images.size(),
            " images have no feature in this space; all are needed. Run `",
            remedy, "`")),
        "FEATURES_MISSING", {{"missing", std::to_string(missing.size())}});
  }

  absl::StatusOr<v1::Job> Submit(const v1::SubmitJobRequest& submit,
                                 const grpc::ServerContext* call) {
    const auto scheduler =
        v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
    return CallPeer(*scheduler, &v1::JobService::Stub::SubmitJob, submit, call);
  }

  const Peers& peers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HostedService>> NewTrainingService(
    const ServiceContext& context) {
  return std::make_unique<TrainingService>(*context.peers);
}

}  // namespace nevus
