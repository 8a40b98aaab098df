#include "services/training/training_handler.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status.h"
#include "compute/classifier/train.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/training/choose.h"
#include "services/training/complete_model.h"
#include "services/training/feature_set.h"
#include "services/training/golden_answers.h"
#include "services/training/registry_calls.h"
#include "services/training/split_check.h"
#include "services/training/task_checkpoints.h"

namespace nevus {
namespace {

// The contract's limit (TrainingSummary.left_out).
constexpr size_t kMostLeftOutNamed = 100;

// What a progress says of the best epoch so far, and a candidate's of its end:
// what `nevus job show` sorts by.
void AddMetric(const std::string& name, double value, v1::Progress& progress) {
  v1::Metric& metric = *progress.add_metrics();
  metric.set_name(name);
  metric.set_value(value);
}

// A candidate's result, also of one that an earlier attempt left.
std::string ReportCandidate(const v1::Model& candidate, TaskContext& context) {
  const v1::TrainingSummary& summary = candidate.training();
  std::string text = absl::StrFormat("validation AUC %.4f at epoch %d of %d",
                                     summary.validation_auc(),
                                     summary.best_epoch(), summary.epochs());
  v1::Progress progress;
  progress.set_done(summary.epochs());
  progress.set_total(summary.epochs());
  progress.set_unit("epochs");
  progress.set_message(text);
  AddMetric("validation_auc", summary.validation_auc(), progress);
  AddMetric("best_epoch", summary.best_epoch(), progress);
  context.Report(progress);
  return text;
}

class TrainingHandler : public TaskHandler {
 public:
  TrainingHandler(const Peers& peers, CheckpointPace pace)
      : peers_(peers), pace_(pace) {}

  v1::WorkerKind kind() const override { return v1::TRAINING; }

  absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                  TaskContext& context) override {
    if (spec.has_choose()) return ChooseBest(peers_, spec.choose(), context);
    return RunTraining(spec.train(), context);
  }

 private:
  absl::StatusOr<std::string> RunTraining(const v1::TrainTask& task,
                                          TaskContext& context) {
    TaskCheckpoints checkpoints(peers_, context);
    ASSIGN_OR_RETURN(const v1::Checkpoint before, checkpoints.Read());
    // What an attempt that nobody heard of may have ended with.
    if (task.candidate() && before.has_candidate()) {
      return ReportCandidate(before.candidate(), context);
    }
    if (!task.candidate()) {
      ASSIGN_OR_RETURN(const std::optional<v1::Model> there,
                       FindModelOfJob(peers_, task.model(),
                                      context.lease().job(), context.calls()));
      if (there.has_value()) return VersionText(*there);
    }
    ASSIGN_OR_RETURN(v1::Model model,
                     MakeModel(task, before.training(), checkpoints, context));
    if (task.candidate()) {
      RETURN_IF_ERROR(checkpoints.WriteCandidate(model));
      return ReportCandidate(model, context);
    }
    RETURN_IF_ERROR(AddGoldenAnswers(peers_, context, model));
    return RegisterModel(peers_, std::move(model), context.lease(),
                         context.calls());
  }

  // All of a model but what the registry adds.
  absl::StatusOr<v1::Model> MakeModel(const v1::TrainTask& task,
                                      const std::string& before,
                                      TaskCheckpoints& checkpoints,
                                      TaskContext& context) {
    ASSIGN_OR_RETURN(const v1::FeatureSpace space,
                     GetSpace(task.space(), context));
    ASSIGN_OR_RETURN(
        const std::vector<v1::Example> examples,
        ReadExamples(peers_, task.dataset(), task.version(),
                     {v1::TRAIN, v1::VALIDATION, v1::TEST}, context.calls()));
    std::vector<std::string> left_out;
    ASSIGN_OR_RETURN(
        const FeatureSet train_features,
        ReadFeatureSet(peers_, space,
                       LearnableRows(examples, v1::TRAIN, left_out),
                       task.positive(), context.calls()));
    ASSIGN_OR_RETURN(
        const FeatureSet validation_features,
        ReadFeatureSet(peers_, space,
                       LearnableRows(examples, v1::VALIDATION, left_out),
                       task.positive(), context.calls()));
    const TrainingSet& train = train_features.set;
    const TrainingSet& validation = validation_features.set;
    if (train_features.spool != nullptr) {
      context.Log(absl::StrFormat(
          "the training rows, %d MB, are read from a temporary file: they are "
          "too many for memory",
          train_features.spool->bytes() / 1'000'000));
    }
    context.Log(absl::StrFormat(
        "trains on %d rows, chooses on %d, features of %d numbers, hidden=%d "
        "seed=%d",
        train.labels.size(), validation.labels.size(), train.dimension,
        task.hidden(), task.seed()));
    ASSIGN_OR_RETURN(
        const TrainedHead trained,
        Teach(task, train, validation, before, checkpoints, context));
    context.Log(absl::StrFormat(
        "%d epochs ran; epoch %d is the best, validation AUC %.4f",
        trained.history.size(), trained.best_epoch, trained.validation_auc));
    context.Report(EndOf(trained));

    v1::Model model;
    ASSIGN_OR_RETURN(
        const std::vector<std::string> lines,
        CompleteModel(trained.head, train, validation, task, model));
    for (const std::string& line : lines) context.Log(line);
    model.set_name(task.model());
    *model.mutable_space() = space;
    model.mutable_space()->clear_features();
    model.mutable_space()->clear_create_time();
    model.set_positive(task.positive());
    ASSIGN_OR_RETURN(*model.mutable_lineage(), LineageOf(task, space, context));
    v1::TrainingSummary& summary = *model.mutable_training();
    summary.set_seed(task.seed());
    summary.set_best_epoch(trained.best_epoch);
    summary.set_epochs(static_cast<int32_t>(trained.history.size()));
    summary.set_validation_auc(trained.validation_auc);
    summary.set_train_examples(train.labels.size());
    summary.set_validation_examples(validation.labels.size());
    summary.set_left_out_count(left_out.size());
    left_out.resize(std::min(left_out.size(), kMostLeftOutNamed));
    for (std::string& id : left_out) summary.add_left_out(std::move(id));
    return model;
  }

  // It stopped early, perhaps, and the last epoch is seldom the best.
  static v1::Progress EndOf(const TrainedHead& trained) {
    const auto epochs = static_cast<int64_t>(trained.history.size());
    v1::Progress progress;
    progress.set_done(epochs);
    progress.set_total(epochs);
    progress.set_unit("epochs");
    progress.set_message(
        absl::StrFormat("validation AUC %.3f, epoch %d is the best",
                        trained.validation_auc, trained.best_epoch));
    AddMetric("validation_auc", trained.validation_auc, progress);
    AddMetric("best_epoch", trained.best_epoch, progress);
    AddMetric("train_loss", trained.history[trained.best_epoch - 1].train_loss,
              progress);
    return progress;
  }

  absl::StatusOr<v1::FeatureSpace> GetSpace(const std::string& digest,
                                            TaskContext& context) {
    const auto extraction =
        v1::FeatureService::NewStub(peers_.ChannelTo("extraction"));
    v1::GetFeatureSpaceRequest request;
    request.set_digest(digest);
    return CallPeer(*extraction, &v1::FeatureService::Stub::GetFeatureSpace,
                    request, context.calls());
  }

  // Goes on from `before`, a training's bytes, if it can.
  absl::StatusOr<TrainedHead> Teach(const v1::TrainTask& task,
                                    const TrainingSet& train,
                                    const TrainingSet& validation,
                                    const std::string& before,
                                    TaskCheckpoints& checkpoints,
                                    TaskContext& context) {
    TrainOptions options;
    options.hidden = task.hidden();
    options.seed = task.seed();
    v1::Progress progress;
    progress.set_total(options.max_epochs);
    progress.set_unit("epochs");
    int checkpoint_epoch = 0;
    Stopwatch since_checkpoint;
    TrainHooks hooks;
    hooks.cancelled = [&] { return context.cancelled(); };
    hooks.resumed = [&](int epoch) {
      context.Log(absl::StrCat("goes on from epoch ", epoch));
      checkpoint_epoch = epoch;
      progress.set_done(epoch);
      context.Report(progress);
    };
    hooks.after_epoch =
        [&](const TrainProgress& now, const TrainedHead& so_far,
            const std::function<std::string()>& checkpoint) -> absl::Status {
      progress.set_done(now.epoch);
      progress.set_message(
          absl::StrFormat("validation AUC %.3f", now.validation_auc));
      progress.clear_metrics();
      AddMetric("validation_auc", so_far.validation_auc, progress);
      AddMetric("best_epoch", so_far.best_epoch, progress);
      AddMetric("train_loss", now.train_loss, progress);
      context.Report(progress);
      if (!pace_.IsDue(now.epoch - checkpoint_epoch,
                       since_checkpoint.Seconds())) {
        return absl::OkStatus();
      }
      checkpoint_epoch = now.epoch;
      since_checkpoint = Stopwatch();
      return checkpoints.WriteTraining(checkpoint);
    };
    if (!before.empty()) {
      absl::StatusOr<TrainedHead> trained =
          TrainHead(train, validation, options, hooks, before);
      const std::string reason = ReasonOf(trained.status());
      if (reason != "CHECKPOINT_DAMAGED" && reason != "CHECKPOINT_FOREIGN") {
        return trained;
      }
      context.Log(absl::StrCat("starts from the beginning: ",
                               trained.status().message()));
    }
    return TrainHead(train, validation, options, hooks);
  }

  absl::StatusOr<v1::Lineage> LineageOf(const v1::TrainTask& task,
                                        const v1::FeatureSpace& space,
                                        TaskContext& context) {
    v1::GetDatasetVersionRequest get_version;
    get_version.set_dataset(task.dataset());
    get_version.set_version(task.version());
    const auto ingestion =
        v1::DatasetService::NewStub(peers_.ChannelTo("ingestion"));
    ASSIGN_OR_RETURN(
        const v1::DatasetVersion dataset,
        CallPeer(*ingestion, &v1::DatasetService::Stub::GetDatasetVersion,
                 get_version, context.calls()));
    v1::GetBackboneRequest get_backbone;
    get_backbone.set_name(space.backbone_digest());
    const auto registry =
        v1::BackboneService::NewStub(peers_.ChannelTo("registry"));
    ASSIGN_OR_RETURN(
        const v1::Backbone backbone,
        CallPeer(*registry, &v1::BackboneService::Stub::GetBackbone,
                 get_backbone, context.calls()));
    v1::Lineage lineage;
    lineage.set_dataset(task.dataset());
    lineage.set_dataset_version(task.version());
    lineage.set_dataset_digest(dataset.digest());
    lineage.set_backbone_digest(space.backbone_digest());
    lineage.set_backbone_name(backbone.name());
    lineage.set_job(context.lease().job());
    lineage.set_synthetic(dataset.synthetic());
    return lineage;
  }

  const Peers& peers_;
  const CheckpointPace pace_;
};

}  // namespace

std::unique_ptr<TaskHandler> NewTrainingHandler(const Peers& peers,
                                                CheckpointPace pace) {
  return std::make_unique<TrainingHandler>(peers, pace);
}

}  // namespace nevus
