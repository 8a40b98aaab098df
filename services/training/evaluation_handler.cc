#include "services/training/evaluation_handler.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/evaluation/calibration_fit.h"
#include "compute/evaluation/evaluation.h"
#include "compute/evaluation/metrics.h"
#include "compute/evaluation/operating_point.h"
#include "compute/evaluation/report.h"
#include "protos/nevus/v1/dataset.grpc.pb.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_call.h"
#include "services/runtime/peer_reads.h"
#include "services/training/registry_calls.h"
#include "services/training/scored_split.h"
#include "services/training/split_check.h"

namespace nevus {
namespace {

// Of each kind (found, missed, false alarm, cleared): enough to see a pattern.
constexpr size_t kCasesOfAKind = 4;
// A report is mailed and kept: larger images are left out of it, so that 16 of
// them stay below the registry's 32 MiB in base64.
constexpr size_t kMaxCaseBytes = 1 << 20;

// The store holds JPEG and PNG only.
std::string MimeType(std::string_view image) {
  return image.substr(0, 4) == "\x89PNG" ? "image/png" : "image/jpeg";
}

std::string TaskText(const v1::EvaluateTask& task) {
  return absl::StrCat(task.model(), "@", task.model_version(), " on ",
                      task.dataset(), "@", task.dataset_version(), "/",
                      task.split());
}

v1::CalibrationFigures ToProto(const CalibrationFigures& figures) {
  v1::CalibrationFigures result;
  result.set_slope(figures.fit.slope);
  result.set_slope_low(figures.fit.slope_ci95.low);
  result.set_slope_high(figures.fit.slope_ci95.high);
  result.set_intercept(figures.fit.intercept);
  result.set_intercept_low(figures.fit.intercept_ci95.low);
  result.set_intercept_high(figures.fit.intercept_ci95.high);
  result.set_expected_error(figures.expected_error);
  result.set_brier(figures.brier);
  result.set_log_loss(figures.log_loss);
  return result;
}

v1::AbstentionFigures ToProto(const AbstentionSummary& summary) {
  v1::AbstentionFigures result;
  result.set_rows(summary.cases);
  result.set_out_of_distribution(summary.abstained);
  result.set_positives(summary.positives);
  result.set_threshold(summary.threshold);
  result.set_auc_of_others(summary.auc_of_others.value_or(0));
  return result;
}

v1::Evaluation ToProto(const Evaluation& found) {
  v1::Evaluation result;
  result.set_positives(found.positives);
  result.set_negatives(found.negatives);
  result.set_auc(found.auc.auc);
  result.set_auc_low(found.auc.ci95.low);
  result.set_auc_high(found.auc.ci95.high);
  result.set_brier(found.brier);
  result.set_average_precision(found.average_precision);
  *result.mutable_calibrated() = ToProto(found.calibrated);
  if (found.uncalibrated.has_value()) {
    *result.mutable_uncalibrated() = ToProto(*found.uncalibrated);
  }
  if (found.abstention.has_value()) {
    *result.mutable_abstention() = ToProto(*found.abstention);
  }
  for (const AtPoint& at : found.points) {
    v1::AtOperatingPoint& point = *result.add_points();
    point.mutable_point()->set_name(at.point.name);
    point.mutable_point()->set_threshold(at.point.threshold);
    point.set_true_positives(at.confusion.tp);
    point.set_false_positives(at.confusion.fp);
    point.set_true_negatives(at.confusion.tn);
    point.set_false_negatives(at.confusion.fn);
    point.set_sensitivity(at.sensitivity);
    point.set_sensitivity_low(at.sensitivity_ci95.low);
    point.set_sensitivity_high(at.sensitivity_ci95.high);
    point.set_specificity(at.specificity);
    point.set_specificity_low(at.specificity_ci95.low);
    point.set_specificity_high(at.specificity_ci95.high);
  }
  return result;
}

class EvaluationHandler : public TaskHandler {
 public:
  explicit EvaluationHandler(const Peers& peers) : peers_(peers) {}

  v1::WorkerKind kind() const override { return v1::EVALUATION; }

  absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                  TaskContext& context) override {
    ASSIGN_OR_RETURN(const v1::EvaluateTask task,
                     WithModelVersion(spec.evaluate(), context));
    ASSIGN_OR_RETURN(const v1::Split split, ParseSplit(task.split()));
    if (split == v1::TEST) {
      // Two jobs may have been submitted before either ended.
      ASSIGN_OR_RETURN(const std::string opener,
                       JobThatEvaluated(peers_, task, context.calls()));
      if (opener == context.lease().job()) return TaskText(task);
      if (!opener.empty()) return TestSplitOpened(task, opener);
    }
    ASSIGN_OR_RETURN(const v1::Model model,
                     GetModelVersion(peers_, task.model(), task.model_version(),
                                     context.calls()));
    ASSIGN_OR_RETURN(const ScoredSplit rows,
                     ScoreSplit(peers_, task.dataset(), task.dataset_version(),
                                split, model, context.calls()));
    std::vector<OperatingPoint> points;
    for (const v1::OperatingPoint& point : model.operating_points()) {
      points.push_back({point.name(), point.threshold()});
    }
    std::vector<std::string> labels;
    for (const v1::Example& row : rows.examples) labels.push_back(row.label());
    ASSIGN_OR_RETURN(Evaluation found, Evaluate(rows.scored, points, labels));
    found.uncalibrated = JudgeCalibration(rows.uncalibrated);
    if (model.head().has_ood()) {
      found.abstention = SummariseAbstention(rows.scored, rows.abstained,
                                             model.head().ood().threshold());
    }
    ASSIGN_OR_RETURN(const v1::DatasetVersion dataset,
                     GetDataset(task, context));
    if (context.cancelled()) {
      return absl::CancelledError(
          "the job was cancelled or the lease lost; nothing was recorded");
    }

    v1::RecordEvaluationRequest request;
    v1::Evaluation& evaluation = *request.mutable_evaluation();
    evaluation = ToProto(found);
    evaluation.set_model(task.model());
    evaluation.set_model_version(task.model_version());
    evaluation.set_dataset(task.dataset());
    evaluation.set_dataset_version(task.dataset_version());
    evaluation.set_split(task.split());
    evaluation.set_job(context.lease().job());
    evaluation.set_synthetic(model.lineage().synthetic() ||
                             dataset.synthetic());
    ReportInput report;
    report.title = TaskText(task);
    report.synthetic = evaluation.synthetic();
    report.facts = Facts(task, model, dataset, context.lease().job());
    report.evaluation = found;
    ASSIGN_OR_RETURN(
        report.cases,
        ChooseCases(rows, points.empty() ? 0.5 : points[0].threshold, context));
    request.set_report_html(RenderReport(report));
    *request.mutable_lease() = context.lease();
    const auto registry =
        v1::ModelService::NewStub(peers_.ChannelTo("registry"));
    RETURN_IF_ERROR(CallPeer(*registry,
                             &v1::ModelService::Stub::RecordEvaluation, request,
                             context.calls())
                        .status());
    return TaskText(task);
  }

 private:
  // In a pipeline the model is the one that another job made.
  absl::StatusOr<v1::EvaluateTask> WithModelVersion(v1::EvaluateTask task,
                                                    TaskContext& context) {
    if (task.model_version() != 0 || task.model_job().empty()) return task;
    v1::GetJobRequest get;
    get.set_id(task.model_job());
    const auto scheduler =
        v1::JobService::NewStub(peers_.ChannelTo("scheduler"));
    ASSIGN_OR_RETURN(const v1::Job job,
                     CallPeer(*scheduler, &v1::JobService::Stub::GetJob, get,
                              context.calls()));
    const auto made = ParseVersion("model", job.result());
    if (job.state() != v1::SUCCEEDED || !made.ok() ||
        made->ToString() != job.result() || made->name != task.model()) {
      return WithReason(
          absl::FailedPreconditionError(absl::StrCat(
              "job ", job.id(), " is ", v1::JobState_Name(job.state()),
              " and its result ", Quoted(job.result()),
              "; right is SUCCEEDED and a version of model ",
              Quoted(task.model()), ". Let it end, then retry this job")),
          "MODEL_JOB_UNFIT", {{"job", job.id()}});
    }
    task.set_model_version(made->version);
    return task;
  }

  absl::StatusOr<v1::DatasetVersion> GetDataset(const v1::EvaluateTask& task,
                                                TaskContext& context) {
    v1::GetDatasetVersionRequest request;
    request.set_dataset(task.dataset());
    request.set_version(task.dataset_version());
    const auto ingestion =
        v1::DatasetService::NewStub(peers_.ChannelTo("ingestion"));
    return CallPeer(*ingestion, &v1::DatasetService::Stub::GetDatasetVersion,
                    request, context.calls());
  }

  static std::vector<std::pair<std::string, std::string>> Facts(
      const v1::EvaluateTask& task, const v1::Model& model,
      const v1::DatasetVersion& dataset, const std::string& job) {
    const v1::FeatureSpace& space = model.space();
    const v1::Lineage& lineage = model.lineage();
    return {
        {"model", absl::StrCat(task.model(), "@", task.model_version())},
        {"model digest", model.digest()},
        {"positive class", model.positive()},
        {"trained on",
         absl::StrCat(lineage.dataset(), "@", lineage.dataset_version(), ", ",
                      lineage.dataset_digest())},
        {"judged on", absl::StrCat(task.dataset(), "@", task.dataset_version(),
                                   "/", task.split(), ", ", dataset.digest())},
        {"backbone",
         absl::StrCat(lineage.backbone_name(), "/", space.cut(), ", ",
                      space.pooling(), ", ", space.arithmetic(), ", ",
                      lineage.backbone_digest())},
        {"feature space", space.digest()},
        {"trained by job", lineage.job()},
        {"judged by job", job},
    };
  }

  absl::StatusOr<std::vector<ReportCase>> ChooseCases(const ScoredSplit& rows,
                                                      double threshold,
                                                      TaskContext& context) {
    std::vector<v1::Example> chosen;
    std::vector<ReportCase> cases;
    for (size_t row : ChooseExamples(rows.scored, threshold, kCasesOfAKind)) {
      const v1::Example& example = rows.examples[row];
      ReportCase shown;
      shown.id = example.id();
      shown.label = example.label();
      shown.positive = rows.scored[row].positive;
      shown.probability = rows.scored[row].score;
      cases.push_back(std::move(shown));
      chosen.push_back(example);
    }
    ASSIGN_OR_RETURN(std::vector<std::string> images,
                     ReadImages(peers_, ImagesOf(chosen), context.calls()));
    for (size_t i = 0; i < cases.size(); ++i) {
      if (images[i].size() > kMaxCaseBytes) continue;
      cases[i].mime_type = MimeType(images[i]);
      cases[i].image_bytes = std::move(images[i]);
    }
    return cases;
  }

  const Peers& peers_;
};

}  // namespace

std::unique_ptr<TaskHandler> NewEvaluationHandler(const Peers& peers) {
  return std::make_unique<EvaluationHandler>(peers);
}

}  // namespace nevus
