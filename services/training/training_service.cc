#include "services/training/training_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/runtime/submitted_job.h"
#include "services/training/comparison.h"
#include "services/training/feature_check.h"
#include "services/training/registry_calls.h"
#include "services/training/split_check.h"
#include "services/training/training_plan.h"

namespace nevus {
namespace {

// The contract's limit (model.proto): the three jobs' ids are longer.
constexpr size_t kMaxPipelineIdBytes = 48;

std::string VersionText(const std::string& name, int64_t version) {
  return absl::StrCat(name, "@", version);
}

absl::Status TestSplitSealed(const std::string& dataset,
                             const std::string& model_text) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "the test split of ", dataset, " is sealed for ", model_text,
          ": it can be opened once, when nothing is left to choose. Use "
          "the validation split, or open it with `nevus evaluate --final`")),
      "TEST_SPLIT_SEALED");
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

  grpc::Status RunPipeline(grpc::ServerContext* call,
                           const v1::RunPipelineRequest* request,
                           v1::RunPipelineResponse* response) override {
    return ToGrpc(SubmitPipeline(*request, call, *response));
  }

  grpc::Status CompareModels(grpc::ServerContext* call,
                             const v1::CompareModelsRequest* request,
                             v1::Comparison* response) override {
    return Answer(nevus::CompareModels(peers_, *request, call), response);
  }

 private:
  template <typename Response>
  static grpc::Status Answer(absl::StatusOr<Response> answer,
                             Response* response) {
    if (!answer.ok()) return ToGrpc(answer.status());
    *response = *std::move(answer);
    return grpc::Status::OK;
  }

  absl::StatusOr<v1::Job> SubmitTraining(const v1::TrainRequest& request,
                                         const grpc::ServerContext* call) {
    const RequestId id = {request.request_id(), RequestDigest(request)};
    ASSIGN_OR_RETURN(const std::optional<v1::Job> before, Find(id, call));
    if (before.has_value()) return *before;
    ASSIGN_OR_RETURN(v1::Job job,
                     PlanTraining(peers_, request, Features::kStored, call));
    job.set_priority(request.priority());
    return Submit(std::move(job), id, call);
  }

  absl::StatusOr<v1::Job> SubmitEvaluation(const v1::EvaluateRequest& request,
                                           const grpc::ServerContext* call) {
    const RequestId id = {request.request_id(), RequestDigest(request)};
    ASSIGN_OR_RETURN(const std::optional<v1::Job> before, Find(id, call));
    if (before.has_value()) return *before;
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
    ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                     ReadExamples(peers_, request.dataset(),
                                  request.dataset_version(), {split}, call));
    RETURN_IF_ERROR(
        CheckBothClasses(dataset, split, examples, model.positive()));
    if (split == v1::TEST) {
      if (!request.final()) return TestSplitSealed(dataset, model_text);
      ASSIGN_OR_RETURN(const std::string opener,
                       JobThatEvaluated(peers_, task, call));
      if (!opener.empty()) return TestSplitOpened(task, opener);
    }
    RETURN_IF_ERROR(CheckFeatures(peers_, model.space().digest(), examples,
                                  ExtractCommand(dataset, model), call));

    v1::Job job = EvaluationJob(task, model_text);
    job.set_priority(request.priority());
    return Submit(std::move(job), id, call);
  }

  // Each job is submitted when the one before it is there, so that a call that
  // breaks off leaves a beginning; the ids let a repeated one find it.
  absl::Status SubmitPipeline(const v1::RunPipelineRequest& request,
                              const grpc::ServerContext* call,
                              v1::RunPipelineResponse& response) {
    RETURN_IF_ERROR(CheckRequestId(request.request_id(), kMaxPipelineIdBytes));
    // Without an id the three still need some, to be retried one by one.
    const std::string name = request.request_id().empty()
                                 ? "pipeline-" + RandomHex(8)
                                 : request.request_id();
    const v1::TrainRequest& train = request.train();
    const std::string digest = RequestDigest(request);
    const RequestId train_id = {name + "/train", digest};
    const RequestId evaluate_id = {name + "/evaluate", digest};
    ASSIGN_OR_RETURN(std::optional<v1::Job> training, Find(train_id, call));
    ASSIGN_OR_RETURN(std::optional<v1::Job> evaluation,
                     Find(evaluate_id, call));

    const std::string split =
        request.split().empty() ? "validation" : request.split();
    v1::Job plan;
    if (!training.has_value()) {
      // Before anything is submitted.
      ASSIGN_OR_RETURN(const v1::Split parsed, ParseSplit(split));
      if (parsed == v1::TEST) {
        return TestSplitSealed(VersionText(train.dataset(), train.version()),
                               "a model that is still to be made");
      }
      ASSIGN_OR_RETURN(plan,
                       PlanTraining(peers_, train, Features::kExtracted, call));
      plan.set_priority(train.priority());
    }
    ASSIGN_OR_RETURN(const v1::Job extraction,
                     Extract(train, name + "/extract", call));
    if (!training.has_value()) {
      plan.add_depends_on(extraction.id());
      ASSIGN_OR_RETURN(training, Submit(std::move(plan), train_id, call));
    }
    if (!evaluation.has_value()) {
      v1::EvaluateTask task;
      task.set_model(train.model());
      task.set_model_job(training->id());
      task.set_dataset(train.dataset());
      task.set_dataset_version(train.version());
      task.set_split(split);
      v1::Job job = EvaluationJob(
          task, absl::StrCat(train.model(), " of job ", training->id()));
      job.set_priority(train.priority());
      job.add_depends_on(training->id());
      ASSIGN_OR_RETURN(evaluation, Submit(std::move(job), evaluate_id, call));
    }
    *response.add_jobs() = extraction;
    *response.add_jobs() = *std::move(training);
    *response.add_jobs() = *std::move(evaluation);
    return absl::OkStatus();
  }

  // `model_text` says which model, for people.
  static v1::Job EvaluationJob(const v1::EvaluateTask& task,
                               const std::string& model_text) {
    v1::Job job;
    job.set_kind(v1::EVALUATION);
    job.set_title(
        absl::StrCat("evaluate ", model_text, " on ",
                     VersionText(task.dataset(), task.dataset_version()), "/",
                     task.split()));
    *job.add_tasks()->mutable_spec()->mutable_evaluate() = task;
    return job;
  }

  // The features that `train` needs.
  absl::StatusOr<v1::Job> Extract(const v1::TrainRequest& train,
                                  const std::string& request_id,
                                  const grpc::ServerContext* call) {
    v1::ExtractRequest extract;
    extract.set_dataset(train.dataset());
    extract.set_version(train.version());
    extract.set_backbone(train.backbone());
    extract.set_cut(train.cut());
    extract.set_pooling(train.pooling());
    extract.set_precision(train.precision());
    extract.set_views(train.views());
    extract.set_values(train.values());
    extract.set_priority(train.priority());
    extract.set_request_id(request_id);
    const auto features =
        v1::FeatureService::NewStub(peers_.ChannelTo("extraction"));
    return CallPeer(*features, &v1::FeatureService::Stub::Extract, extract,
                    call);
  }

  // Under which a job is submitted once.
  struct RequestId {
    std::string id;
    std::string digest;
  };

  absl::StatusOr<std::optional<v1::Job>> Find(const RequestId& id,
                                              const grpc::ServerContext* call) {
    return FindSubmittedJob(peers_, id.id, id.digest, call);
  }

  absl::StatusOr<v1::Job> Submit(v1::Job job, const RequestId& id,
                                 const grpc::ServerContext* call) {
    v1::SubmitJobRequest submit;
    *submit.mutable_job() = std::move(job);
    submit.mutable_job()->set_request_id(id.id);
    submit.mutable_job()->set_request_digest(id.digest);
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
