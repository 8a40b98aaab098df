#include "services/training/complete_model.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/classifier/calibration.h"
#include "compute/classifier/classifier.h"
#include "compute/classifier/feature_rows.h"
#include "compute/classifier/ood_detector.h"
#include "compute/evaluation/drift.h"
#include "compute/evaluation/metrics.h"
#include "services/runtime/baseline.h"
#include "services/runtime/convert.h"

namespace nevus {
namespace {

// The contract's most (model.proto).
constexpr int kMaxOperatingPoints = 16;
// Numbers read for a baseline: 256 MB of them are enough for its deciles.
constexpr int64_t kMostBaselineNumbers = int64_t{1} << 26;

absl::Status BadOperatingPoint(const std::string& problem) {
  return WithReason(absl::InvalidArgumentError(problem),
                    "OPERATING_POINT_INVALID");
}

absl::StatusOr<OperatingPointRule> ToRule(const v1::OperatingPointRule& rule) {
  using Kind = OperatingPointRule::Kind;
  OperatingPointRule result;
  RETURN_IF_ERROR(CheckName("operating point", rule.name()));
  result.name = rule.name();
  switch (rule.rule_case()) {
    case v1::OperatingPointRule::kSensitivity:
      result.kind = Kind::kSensitivity;
      result.value = rule.sensitivity();
      break;
    case v1::OperatingPointRule::kSpecificity:
      result.kind = Kind::kSpecificity;
      result.value = rule.specificity();
      break;
    case v1::OperatingPointRule::kCostRatio:
      result.kind = Kind::kCostRatio;
      result.value = rule.cost_ratio();
      break;
    case v1::OperatingPointRule::kYouden:
      result.kind = Kind::kYouden;
      break;
    case v1::OperatingPointRule::RULE_NOT_SET:
      return BadOperatingPoint(absl::StrCat(
          "operating point ", rule.name(),
          " says nothing of how it is chosen; right is one of sensitivity, "
          "specificity, cost_ratio and youden. Set one"));
  }
  RETURN_IF_ERROR(CheckRule(result));
  return result;
}

// The rows of `set` with these numbers, one after the other.
absl::StatusOr<std::vector<float>> ReadRows(const TrainingSet& set,
                                            const std::vector<int64_t>& rows) {
  const size_t dimension = set.dimension;
  std::vector<float> features(rows.size() * dimension);
  if (set.stored != nullptr) {
    RETURN_IF_ERROR(
        set.stored->Read(rows.data(), rows.size(), features.data()));
    return features;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(&set.features[static_cast<size_t>(rows[i]) * dimension],
                dimension, &features[i * dimension]);
  }
  return features;
}

// Gives each row of `set` to `see`, in order; few are in memory at a time.
absl::Status ForEachRow(const TrainingSet& set,
                        const std::function<void(const float*)>& see) {
  constexpr int64_t kRowsAtATime = 1024;
  const int64_t count = static_cast<int64_t>(set.labels.size());
  for (int64_t begin = 0; begin < count; begin += kRowsAtATime) {
    std::vector<int64_t> rows(std::min(kRowsAtATime, count - begin));
    std::iota(rows.begin(), rows.end(), begin);
    ASSIGN_OR_RETURN(const std::vector<float> features, ReadRows(set, rows));
    for (size_t i = 0; i < rows.size(); ++i) {
      see(&features[i * static_cast<size_t>(set.dimension)]);
    }
  }
  return absl::OkStatus();
}

// The rows of train that features are later held against, evenly spaced.
std::vector<int64_t> BaselineSample(const TrainingSet& train) {
  const std::vector<int64_t> rows =
      OodSample(static_cast<int64_t>(train.labels.size()));
  const int64_t most =
      std::max<int64_t>(1, kMostBaselineNumbers / train.dimension);
  const int64_t step = (static_cast<int64_t>(rows.size()) + most - 1) / most;
  std::vector<int64_t> sample;
  for (size_t i = 0; i < rows.size(); i += static_cast<size_t>(step)) {
    sample.push_back(rows[i]);
  }
  return sample;
}

std::string CalibrationLine(const ChosenCalibration& chosen) {
  std::string line = absl::StrCat(
      "calibration ", CalibrationName(chosen.calibration.method), " chosen of");
  for (const CalibrationCandidate& candidate : chosen.candidates) {
    absl::StrAppendFormat(&line, " %s (log loss %.4f)",
                          CalibrationName(candidate.method),
                          candidate.log_loss);
  }
  return line;
}

std::string DetectorLine(const std::optional<OodDetector>& detector,
                         int dimension) {
  if (detector.has_value()) {
    return absl::StrFormat(
        "abstains above a distance of %.2f, set for %g %% of validation; "
        "covariance shrunk by %.3f",
        detector->threshold, 100 * detector->rate, detector->shrinkage);
  }
  return absl::StrCat("abstains from nothing: no detector for ", dimension,
                      " numbers a feature (at most ", kMostOodInputs,
                      "), or the training features do not differ");
}

void AddPoint(const ChosenPoint& chosen, v1::Model& model) {
  const Confusion& at = chosen.confusion;
  v1::OperatingPoint& added = *model.add_operating_points();
  added.set_name(chosen.point.name);
  added.set_threshold(chosen.point.threshold);
  added.set_rule(chosen.rule);
  const auto share = [](int64_t part, int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  const Interval sensitivity = Wilson(at.tp, at.tp + at.fn);
  added.set_sensitivity(share(at.tp, at.tp + at.fn));
  added.set_sensitivity_low(sensitivity.low);
  added.set_sensitivity_high(sensitivity.high);
  const Interval specificity = Wilson(at.tn, at.tn + at.fp);
  added.set_specificity(share(at.tn, at.tn + at.fp));
  added.set_specificity_low(specificity.low);
  added.set_specificity_high(specificity.high);
}

}  // namespace

absl::StatusOr<std::vector<OperatingPointRule>> ToRules(
    const google::protobuf::RepeatedPtrField<v1::OperatingPointRule>& rules) {
  if (rules.empty()) return DefaultOperatingPointRules();
  if (rules.size() > kMaxOperatingPoints) {
    return BadOperatingPoint(
        absl::StrCat(rules.size(),
                     " operating points are too many; the most "
                     "is ",
                     kMaxOperatingPoints, ". Leave some out"));
  }
  std::vector<OperatingPointRule> result;
  std::set<std::string> names;
  for (const v1::OperatingPointRule& rule : rules) {
    ASSIGN_OR_RETURN(OperatingPointRule one, ToRule(rule));
    if (!names.insert(one.name).second) {
      return BadOperatingPoint(
          absl::StrCat("operating point ", one.name,
                       " is given twice; a name means one threshold. Name one "
                       "of them otherwise"));
    }
    result.push_back(std::move(one));
  }
  return result;
}

absl::Status CheckOodRate(double rate) {
  if (rate >= 0 && rate < 1) return absl::OkStatus();
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "ood_rate is ", rate,
          "; right is a share of validation from 0 to below 1, such as 0.02. "
          "Change it")),
      "OOD_RATE_INVALID");
}

absl::StatusOr<std::vector<std::string>> CompleteModel(
    const Head& head, const TrainingSet& train, const TrainingSet& validation,
    const v1::TrainTask& task, v1::Model& model) {
  ASSIGN_OR_RETURN(const std::vector<OperatingPointRule> rules,
                   ToRules(task.operating_points()));
  const double rate = task.has_ood_rate() ? task.ood_rate() : kDefaultOodRate;
  RETURN_IF_ERROR(CheckOodRate(rate));
  Classifier classifier;
  classifier.head = head;
  if (train.dimension <= kMostOodInputs) {
    ASSIGN_OR_RETURN(
        const std::vector<float> sample,
        ReadRows(train, OodSample(static_cast<int64_t>(train.labels.size()))));
    classifier.ood = FitOodDetector(train.dimension, sample);
  }
  std::vector<Scored> logits;
  std::vector<double> distances;
  RETURN_IF_ERROR(ForEachRow(validation, [&](const float* feature) {
    const Judgement judgement = Judge(classifier, feature);
    logits.push_back({judgement.logit, validation.labels[logits.size()] != 0});
    distances.push_back(judgement.ood_distance);
  }));
  if (classifier.ood.has_value()) {
    classifier.ood->threshold = OodThreshold(distances, rate);
    classifier.ood->rate = rate;
  }
  ASSIGN_OR_RETURN(const ChosenCalibration chosen,
                   ChooseCalibration(logits, validation.groups));
  classifier.calibration = chosen.calibration;
  // As Judge does in evaluation and serving, so that a threshold means the same
  // there, to the bit.
  std::vector<Scored> probabilities;
  for (const Scored& logit : logits) {
    probabilities.push_back(
        {Calibrated(classifier.calibration, static_cast<float>(logit.score)),
         logit.positive});
  }
  ASSIGN_OR_RETURN(const std::vector<ChosenPoint> points,
                   ChooseOperatingPoints(probabilities, rules));
  SetClassifier(classifier, model);
  for (const CalibrationCandidate& candidate : chosen.candidates) {
    v1::CalibrationCandidate& added =
        *model.mutable_calibration()->add_candidates();
    added.set_method(CalibrationName(candidate.method));
    added.set_log_loss(candidate.log_loss);
    added.set_excess(candidate.excess);
    added.set_excess_error(candidate.excess_error);
  }
  for (const ChosenPoint& point : points) AddPoint(point, model);
  // By the scores of validation: on train the head is surer than anywhere else.
  std::vector<double> scores;
  for (const Scored& one : probabilities) scores.push_back(one.score);
  ASSIGN_OR_RETURN(const std::vector<float> watched,
                   ReadRows(train, BaselineSample(train)));
  *model.mutable_baseline() =
      ToProto(MakeBaseline(std::move(scores), watched, train.dimension));
  return std::vector<std::string>{
      CalibrationLine(chosen), DetectorLine(classifier.ood, train.dimension)};
}

}  // namespace nevus
