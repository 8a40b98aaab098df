#include "services/training/training_handler.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "compute/classifier/head.h"
#include "compute/classifier/train.h"
#include "compute/evaluation/operating_point.h"
#include "protos/nevus/v1/backbone.grpc.pb.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/feature.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/training/split_check.h"

namespace nevus {
namespace {

// The contract's limit (TrainingSummary.left_out).
constexpr size_t kMostLeftOutNamed = 100;

std::vector<Scored> Score(const Head& head, const TrainingSet& set) {
  std::vector<Scored> scored;
  for (size_t row = 0; row < set.labels.size(); ++row) {
    const float* feature = &set.features[row * set.dimension];
    scored.push_back({Probability(Logit(head, feature)), set.labels[row] != 0});
  }
  return scored;
}

class TrainingHandler : public TaskHandler {
 public:
  explicit TrainingHandler(const Peers& peers) : peers_(peers) {}

  v1::WorkerKind kind() const override { return v1::TRAINING; }

  absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                  TaskContext& context) override {
    const v1::TrainTask& task = spec.train();
    ASSIGN_OR_RETURN(const v1::FeatureSpace space, GetSpace(task.space()));
    ASSIGN_OR_RETURN(
        const std::vector<v1::Example> examples,
        ReadExamples(peers_, task.dataset(), task.version(),
                     {v1::TRAIN, v1::VALIDATION, v1::TEST}, nullptr));
    std::vector<std::string> left_out;
    ASSIGN_OR_RETURN(
        const TrainingSet train,
        ReadSet(task, space, LearnableRows(examples, v1::TRAIN, left_out)));
    ASSIGN_OR_RETURN(
        const TrainingSet validation,
        ReadSet(task, space,
                LearnableRows(examples, v1::VALIDATION, left_out)));
    ASSIGN_OR_RETURN(const TrainedHead trained,
                     Teach(task, train, validation, context));
    // The same floats that a prediction will come from, so that a threshold
    // means the same there.
    ASSIGN_OR_RETURN(const std::vector<OperatingPoint> points,
                     ChooseOperatingPoints(Score(trained.head, validation)));

    v1::RegisterModelRequest request;
    v1::Model& model = *request.mutable_model();
    model.set_name(task.model());
    *model.mutable_space() = space;
    model.mutable_space()->clear_features();
    model.mutable_space()->clear_create_time();
    model.set_positive(task.positive());
    *model.mutable_head() = ToProto(trained.head);
    for (const OperatingPoint& point : points) {
      v1::OperatingPoint& added = *model.add_operating_points();
      added.set_name(point.name);
      added.set_threshold(point.threshold);
    }
    ASSIGN_OR_RETURN(*model.mutable_lineage(),
                     LineageOf(task, space, context.lease().job()));
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
    *request.mutable_lease() = context.lease();
    const auto registry =
        v1::ModelService::NewStub(peers_.ChannelTo("registry"));
    ASSIGN_OR_RETURN(const v1::Model registered,
                     CallPeer(*registry, &v1::ModelService::Stub::RegisterModel,
                              request, nullptr));
    return absl::StrCat(registered.name(), "@", registered.version());
  }

 private:
  absl::StatusOr<v1::FeatureSpace> GetSpace(const std::string& digest) {
    const auto extraction =
        v1::FeatureService::NewStub(peers_.ChannelTo("extraction"));
    v1::GetFeatureSpaceRequest request;
    request.set_digest(digest);
    return CallPeer(*extraction, &v1::FeatureService::Stub::GetFeatureSpace,
                    request, nullptr);
  }

  absl::StatusOr<TrainingSet> ReadSet(const v1::TrainTask& task,
                                      const v1::FeatureSpace& space,
                                      const std::vector<v1::Example>& rows) {
    TrainingSet set;
    set.dimension = space.dimension();
    ASSIGN_OR_RETURN(set.features,
                     ReadFeatures(peers_, space.digest(), space.dimension(),
                                  ImagesOf(rows), nullptr));
    for (const v1::Example& row : rows) {
      set.labels.push_back(IsPositive(row, task.positive()) ? 1 : 0);
    }
    return set;
  }

  static absl::StatusOr<TrainedHead> Teach(const v1::TrainTask& task,
                                           const TrainingSet& train,
                                           const TrainingSet& validation,
                                           TaskContext& context) {
    TrainOptions options;
    options.hidden = task.hidden();
    options.seed = task.seed();
    return TrainHead(train, validation, options, [&](const TrainProgress& now) {
      v1::Progress progress;
      progress.set_done(now.epoch);
      progress.set_total(now.max_epochs);
      progress.set_unit("epochs");
      progress.set_message(
          absl::StrFormat("validation AUC %.3f", now.validation_auc));
      context.Report(progress);
      return !context.cancelled();
    });
  }

  absl::StatusOr<v1::Lineage> LineageOf(const v1::TrainTask& task,
                                        const v1::FeatureSpace& space,
                                        const std::string& job) {
    v1::GetDatasetVersionRequest get_version;
    get_version.set_dataset(task.dataset());
    get_version.set_version(task.version());
    const auto ingestion =
        v1::DatasetService::NewStub(peers_.ChannelTo("ingestion"));
    ASSIGN_OR_RETURN(
        const v1::DatasetVersion dataset,
        CallPeer(*ingestion, &v1::DatasetService::Stub::GetDatasetVersion,
                 get_version, nullptr));
    v1::GetBackboneRequest get_backbone;
    get_backbone.set_name(space.backbone_digest());
    const auto registry =
        v1::BackboneService::NewStub(peers_.ChannelTo("registry"));
    ASSIGN_OR_RETURN(
        const v1::Backbone backbone,
        CallPeer(*registry, &v1::BackboneService::Stub::GetBackbone,
                 get_backbone, nullptr));
    v1::Lineage lineage;
    lineage.set_dataset(task.dataset());
    lineage.set_dataset_version(task.version());
    lineage.set_dataset_digest(dataset.digest());
    lineage.set_backbone_digest(space.backbone_digest());
    lineage.set_backbone_name(backbone.name());
    lineage.set_job(job);
    lineage.set_synthetic(dataset.synthetic());
    return lineage;
  }

  const Peers& peers_;
};

}  // namespace

std::unique_ptr<TaskHandler> NewTrainingHandler(const Peers& peers) {
  return std::make_unique<TrainingHandler>(peers);
}

}  // namespace nevus
