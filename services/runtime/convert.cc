#include "services/runtime/convert.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/backbone/arithmetic.h"
#include "compute/classifier/calibration.h"
#include "compute/classifier/ood_detector.h"
#include "compute/image/preprocess.h"

namespace nevus {

absl::StatusOr<v1::Split> ParseSplit(const std::string& name) {
  for (v1::Split split : {v1::TRAIN, v1::VALIDATION, v1::TEST}) {
    if (name == SplitName(split)) return split;
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "split ", Quoted(name),
          " is not known; it is train, validation or test. Choose one")),
      "SPLIT_UNKNOWN");
}

std::string SplitName(v1::Split split) {
  return absl::AsciiStrToLower(v1::Split_Name(split));
}

absl::StatusOr<BackboneInfo> ToBackboneInfo(const v1::Backbone& backbone) {
  BackboneInfo info;
  info.arch = backbone.arch();
  info.input_size = backbone.input_size();
  ASSIGN_OR_RETURN(info.normalization,
                   ParseNormalization(backbone.normalization()));
  info.digest = backbone.digest();
  for (const v1::Cut& cut : backbone.cuts()) {
    info.cuts.push_back(
        {cut.name(), cut.channels(), cut.height(), cut.width()});
  }
  info.default_cut = backbone.default_cut();
  info.missing_tensor = backbone.missing_tensor();
  info.parameters = backbone.parameters();
  info.gmac = backbone.gmac();
  info.weights_kind = backbone.weights_kind();
  return info;
}

v1::FeatureSpace ToProto(const FeatureSpaceSpec& spec, int dimension) {
  v1::FeatureSpace space;
  space.set_digest(FeatureSpaceDigest(spec));
  space.set_backbone_digest(spec.backbone_digest);
  space.set_cut(spec.cut);
  space.set_pooling(PoolingName(spec.pooling));
  space.set_arithmetic(ArithmeticName(spec.arithmetic));
  space.set_input_size(spec.input_size);
  space.set_normalization(NormalizationName(spec.normalization));
  space.set_dimension(dimension);
  *space.mutable_calibration() = ToProto(spec.calibration);
  space.set_views(spec.views);
  space.set_values(FeatureValuesName(spec.values));
  return space;
}

google::protobuf::RepeatedPtrField<v1::LayerRange> ToProto(
    const Calibration& calibration) {
  google::protobuf::RepeatedPtrField<v1::LayerRange> ranges;
  for (const auto& [layer, range] : calibration) {
    v1::LayerRange& added = *ranges.Add();
    added.set_layer(layer);
    added.set_range(range);
  }
  return ranges;
}

Calibration ToCalibration(
    const google::protobuf::RepeatedPtrField<v1::LayerRange>& ranges) {
  Calibration calibration;
  for (const v1::LayerRange& range : ranges) {
    calibration[range.layer()] = range.range();
  }
  return calibration;
}

absl::StatusOr<Head> ToHead(const v1::Head& head) {
  Head result;
  result.inputs = head.inputs();
  result.hidden = head.hidden();
  result.mean = {head.mean().begin(), head.mean().end()};
  result.inverse_std = {head.inverse_std().begin(), head.inverse_std().end()};
  result.w1 = {head.w1().begin(), head.w1().end()};
  result.b1 = {head.b1().begin(), head.b1().end()};
  result.w2 = {head.w2().begin(), head.w2().end()};
  result.b2 = head.b2();
  RETURN_IF_ERROR(CheckHead(result));
  return result;
}

v1::Head ToProto(const Head& head) {
  v1::Head result;
  result.set_inputs(head.inputs);
  result.set_hidden(head.hidden);
  *result.mutable_mean() = {head.mean.begin(), head.mean.end()};
  *result.mutable_inverse_std() = {head.inverse_std.begin(),
                                   head.inverse_std.end()};
  *result.mutable_w1() = {head.w1.begin(), head.w1.end()};
  *result.mutable_b1() = {head.b1.begin(), head.b1.end()};
  *result.mutable_w2() = {head.w2.begin(), head.w2.end()};
  result.set_b2(head.b2);
  return result;
}

absl::StatusOr<Classifier> ToClassifier(const v1::Model& model) {
  Classifier result;
  ASSIGN_OR_RETURN(result.head, ToHead(model.head()));
  if (model.has_calibration()) {
    const v1::Calibration& from = model.calibration();
    ScoreCalibration& calibration = result.calibration;
    ASSIGN_OR_RETURN(calibration.method, ParseCalibration(from.method()));
    calibration.slope = from.slope();
    calibration.intercept = from.intercept();
    calibration.knot_logits = {from.knot_logits().begin(),
                               from.knot_logits().end()};
    calibration.knot_probabilities = {from.knot_probabilities().begin(),
                                      from.knot_probabilities().end()};
    RETURN_IF_ERROR(CheckCalibration(calibration));
  }
  if (model.head().has_ood()) {
    const v1::OodDetector& from = model.head().ood();
    OodDetector& ood = result.ood.emplace();
    ood.inputs = result.head.inputs;
    ood.mean = {from.mean().begin(), from.mean().end()};
    ood.whitening = {from.whitening().begin(), from.whitening().end()};
    ood.threshold = from.threshold();
    ood.rate = from.rate();
    ood.shrinkage = from.shrinkage();
    RETURN_IF_ERROR(CheckOodDetector(ood));
  }
  return result;
}

void SetClassifier(const Classifier& classifier, v1::Model& model) {
  *model.mutable_head() = ToProto(classifier.head);
  const ScoreCalibration& calibration = classifier.calibration;
  v1::Calibration& to = *model.mutable_calibration();
  to.set_method(CalibrationName(calibration.method));
  to.set_slope(calibration.slope);
  to.set_intercept(calibration.intercept);
  *to.mutable_knot_logits() = {calibration.knot_logits.begin(),
                               calibration.knot_logits.end()};
  *to.mutable_knot_probabilities() = {calibration.knot_probabilities.begin(),
                                      calibration.knot_probabilities.end()};
  if (!classifier.ood.has_value()) return;
  v1::OodDetector& ood = *model.mutable_head()->mutable_ood();
  *ood.mutable_mean() = {classifier.ood->mean.begin(),
                         classifier.ood->mean.end()};
  *ood.mutable_whitening() = {classifier.ood->whitening.begin(),
                              classifier.ood->whitening.end()};
  ood.set_threshold(classifier.ood->threshold);
  ood.set_rate(classifier.ood->rate);
  ood.set_shrinkage(classifier.ood->shrinkage);
}

}  // namespace nevus
