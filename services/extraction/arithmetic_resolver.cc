#include "services/extraction/arithmetic_resolver.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/omp_threads.h"
#include "compute/feature/arithmetic_choice.h"
#include "services/extraction/calibration_sample.h"
#include "services/extraction/extractor_source.h"
#include "services/runtime/convert.h"
#include "services/runtime/peer_reads.h"

namespace nevus {
namespace {

bool IsAuto(const std::string& precision) {
  return precision.empty() || precision == "auto";
}

absl::Status NoCalibration(const std::string& dataset) {
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "nothing was calibrated on dataset ", Quoted(dataset),
          " for this backbone and cut. Extract that dataset first, or leave "
          "calibrated_on out")),
      "CALIBRATION_NOT_FOUND", {{"dataset", dataset}});
}

absl::Status NoDataset() {
  return WithReason(absl::InvalidArgumentError(
                        "int8 is calibrated on images, and no dataset is "
                        "named. Name one"),
                    "CALIBRATION_MISSING");
}

// Loads the backbone and the sample of the dataset that the request names.
struct Subject {
  std::unique_ptr<Backbone> backbone;
  Planes images;
};

absl::StatusOr<Subject> LoadSubject(
    const Peers& peers, const v1::ResolveFeatureSpaceRequest& request,
    const std::string& backbone, const grpc::ServerContext* caller) {
  Subject subject;
  ASSIGN_OR_RETURN(const std::vector<v1::Example> examples,
                   ReadExamples(peers, request.dataset(), request.version(),
                                /*splits=*/{}, caller));
  ASSIGN_OR_RETURN(const std::vector<std::string> images,
                   ReadImages(peers,
                              SampleForCalibration(
                                  examples, kCalibrationImages + kCheckImages),
                              caller));
  ASSIGN_OR_RETURN(subject.backbone, LoadBackbone(peers, backbone, caller));
  subject.images = PreparePlanes(subject.backbone->info(), images);
  return subject;
}

}  // namespace

absl::StatusOr<ResolvedArithmetic> ArithmeticResolver::Resolve(
    const v1::ResolveFeatureSpaceRequest& request, const BackboneInfo& backbone,
    const FeatureSpaceSpec& spec, const grpc::ServerContext* caller) {
  // For TorchScript auto is fp32.
  const bool choose =
      IsAuto(request.precision()) && backbone.arch != "torchscript";
  const ResolvedArithmetic plain = {spec.arithmetic, {}, ""};
  if (!choose && !NeedsCalibration(spec.arithmetic)) return plain;
  const std::string& dataset = request.calibrated_on().empty()
                                   ? request.dataset()
                                   : request.calibrated_on();
  if (dataset.empty()) {
    if (choose) return plain;
    return NoDataset();
  }
  MutexLock lock(measuring_);
  return FindOrMeasure(request, {dataset, spec.backbone_digest, spec.cut}, spec,
                       choose, caller);
}

absl::StatusOr<ResolvedArithmetic> ArithmeticResolver::FindOrMeasure(
    const v1::ResolveFeatureSpaceRequest& request, const ChoiceSubject& key,
    const FeatureSpaceSpec& spec, bool choose,
    const grpc::ServerContext* caller) {
  const std::string pooling = PoolingName(spec.pooling);
  ResolvedArithmetic resolved = {spec.arithmetic, {}, ""};
  ASSIGN_OR_RETURN(std::optional<v1::StoredCalibration> calibration,
                   choices_.FindCalibration(key));
  std::optional<v1::StoredChoice> choice;
  if (choose) {
    ASSIGN_OR_RETURN(choice, choices_.FindChoice(key, pooling));
  }
  const bool integers = CheckArithmeticSupported(Arithmetic::kInt8).ok();
  const bool complete = choose ? choice.has_value() : calibration.has_value();
  if (!complete && key.dataset != request.dataset()) {
    return NoCalibration(key.dataset);
  }
  if (!complete) {
    const ScopedOmpHelpers helpers;  // none once it is known
    ASSIGN_OR_RETURN(const Subject subject,
                     LoadSubject(peers_, request, key.backbone, caller));
    // Without images "auto" takes no integers; asked for, they are refused.
    if (!calibration && integers && (!choose || !subject.images.empty())) {
      ASSIGN_OR_RETURN(
          const Calibration measured,
          Calibrate(*subject.backbone, spec.cut, subject.images, threads_));
      *calibration.emplace().mutable_ranges() = ToProto(measured);
      RETURN_IF_ERROR(choices_.Keep(key, *calibration));
    }
    if (choose) {
      ASSIGN_OR_RETURN(
          const ArithmeticChoice chosen,
          ChooseArithmetic(*subject.backbone, spec.cut, spec.pooling,
                           calibration ? ToCalibration(calibration->ranges())
                                       : Calibration(),
                           subject.images, threads_));
      choice.emplace().set_arithmetic(ArithmeticName(chosen.arithmetic));
      choice->set_reason(chosen.reason);
      RETURN_IF_ERROR(choices_.Keep(key, pooling, *choice));
    }
  }
  if (choice) {
    ASSIGN_OR_RETURN(resolved.arithmetic,
                     ParseArithmetic(choice->arithmetic()));
    resolved.reason = choice->reason();
  }
  if (NeedsCalibration(resolved.arithmetic) && calibration) {
    resolved.calibration = ToCalibration(calibration->ranges());
  }
  return resolved;
}

}  // namespace nevus
