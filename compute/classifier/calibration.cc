// feature -> head -> [calibration] -> prediction: fits, the choice among them,
// and what they make of a logit.
#include "compute/classifier/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "compute/classifier/head.h"
#include "compute/evaluation/logistic_fit.h"

namespace nevus {
namespace {

constexpr size_t kFolds = 5;
constexpr size_t kLeastOfAClass = 10;
// Isotonic has as many free numbers as it finds steps: below some thousand
// cases it follows their noise (Niculescu-Mizil and Caruana, ICML 2005).
constexpr size_t kLeastOfAClassForIsotonic = 100;
constexpr size_t kLeastForIsotonic = 1000;

constexpr CalibrationMethod kMethods[] = {
    CalibrationMethod::kNone, CalibrationMethod::kTemperature,
    CalibrationMethod::kPlatt, CalibrationMethod::kIsotonic};

size_t Positives(const std::vector<Scored>& logits) {
  return static_cast<size_t>(
      std::count_if(logits.begin(), logits.end(),
                    [](const Scored& one) { return one.positive; }));
}

absl::Status BadCalibration(const std::string& problem) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "calibration: ", problem, ". Train the model again")),
                    "CALIBRATION_INVALID");
}

// Both classes' targets, smoothed as Platt does.
std::optional<ScoreCalibration> FitSigmoid(const std::vector<Scored>& logits,
                                           CalibrationMethod method) {
  const double positives = static_cast<double>(Positives(logits));
  const double negatives = static_cast<double>(logits.size()) - positives;
  std::vector<double> x;
  std::vector<double> targets;
  for (const Scored& one : logits) {
    x.push_back(one.score);
    targets.push_back(one.positive ? (positives + 1) / (positives + 2)
                                   : 1 / (negatives + 2));
  }
  const std::optional<LogisticFit> fit =
      FitLogistic(x, targets,
                  method == CalibrationMethod::kPlatt ? LogisticFree::kBoth
                                                      : LogisticFree::kSlope);
  if (!fit.has_value() || !(fit->slope > 0)) return std::nullopt;
  ScoreCalibration calibration;
  calibration.method = method;
  calibration.slope = fit->slope;
  calibration.intercept = fit->intercept;
  return calibration;
}

std::optional<ScoreCalibration> Fit(const std::vector<Scored>& logits,
                                    CalibrationMethod method) {
  switch (method) {
    case CalibrationMethod::kNone:
      return ScoreCalibration();
    case CalibrationMethod::kTemperature:
      return FitTemperature(logits);
    case CalibrationMethod::kPlatt:
      return FitPlatt(logits);
    case CalibrationMethod::kIsotonic:
      return FitIsotonic(logits);
  }
  return std::nullopt;
}

// Cases that stand or fall together, in order of their first cases.
struct Groups {
  std::vector<size_t> of_case;
  std::vector<bool> positive;  // any of its cases is

  size_t count() const { return positive.size(); }
  size_t rarer() const {
    const size_t positives =
        static_cast<size_t>(std::count(positive.begin(), positive.end(), true));
    return std::min(positives, count() - positives);
  }
};

Groups FindGroups(const std::vector<Scored>& logits,
                  const std::vector<std::string>& names) {
  Groups groups;
  std::map<std::string, size_t> named;
  for (size_t i = 0; i < logits.size(); ++i) {
    size_t group = groups.count();
    if (!names.empty() && !names[i].empty()) {
      group = named.emplace(names[i], group).first->second;
    }
    if (group == groups.count()) groups.positive.push_back(false);
    if (logits[i].positive) groups.positive[group] = true;
    groups.of_case.push_back(group);
  }
  return groups;
}

bool IsCandidate(const Groups& groups, CalibrationMethod method) {
  if (method == CalibrationMethod::kNone) return true;
  if (method != CalibrationMethod::kIsotonic) {
    return groups.rarer() >= kLeastOfAClass;
  }
  return groups.rarer() >= kLeastOfAClassForIsotonic &&
         groups.count() >= kLeastForIsotonic;
}

// Cases to the fold that judges them.
std::vector<size_t> Folds(const Groups& groups) {
  size_t seen[2] = {};
  std::vector<size_t> of_group;
  for (const bool positive : groups.positive) {
    of_group.push_back(seen[positive]++ % kFolds);
  }
  std::vector<size_t> folds;
  for (const size_t group : groups.of_case) folds.push_back(of_group[group]);
  return folds;
}

// The standard error of the mean of `values`, one a case, when groups are what
// is drawn: their sums of deviations are independent, their members' are not.
double ErrorOfMean(const std::vector<double>& values, double mean,
                   const Groups& groups) {
  std::vector<double> sums(groups.count());
  for (size_t i = 0; i < values.size(); ++i) {
    sums[groups.of_case[i]] += values[i] - mean;
  }
  double squares = 0;
  for (const double sum : sums) squares += sum * sum;
  const double count = static_cast<double>(groups.count());
  return std::sqrt(squares * count / (count - 1)) /
         static_cast<double>(values.size());
}

// Of a case, in nats: -log of what was said of its truth. Calibrations that
// can say 0 or 1 (none, of a logit beyond 700 or so) are held just off it.
double LogLoss(double probability, bool positive) {
  const double of_truth = positive ? probability : 1 - probability;
  return -std::log(std::max(of_truth, 1e-15));
}

// Each case's loss under a fit of the other folds; nothing if one fails.
std::optional<std::vector<double>> CrossValidatedLosses(
    const std::vector<Scored>& logits, const std::vector<size_t>& folds,
    CalibrationMethod method) {
  std::vector<double> losses(logits.size());
  for (size_t fold = 0; fold < kFolds; ++fold) {
    std::vector<Scored> others;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (folds[i] != fold) others.push_back(logits[i]);
    }
    const std::optional<ScoreCalibration> fit = Fit(others, method);
    if (!fit.has_value()) return std::nullopt;
    for (size_t i = 0; i < logits.size(); ++i) {
      if (folds[i] != fold) continue;
      losses[i] = LogLoss(Calibrated(*fit, static_cast<float>(logits[i].score)),
                          logits[i].positive);
    }
  }
  return losses;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

absl::Status CheckLogits(const std::vector<Scored>& logits) {
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i].score)) continue;
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "the logit of validation row ", i, " is ", logits[i].score,
            "; right is a finite number. Check the features")),
        "LOGIT_NOT_FINITE", {{"row", absl::StrCat(i)}});
  }
  const size_t positives = Positives(logits);
  if (positives > 0 && positives < logits.size()) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "of ", logits.size(), " cases ", positives,
          " are positive; a calibration needs both classes. Put cases of both "
          "into the validation split")),
      "CLASS_MISSING");
}

}  // namespace

const char* CalibrationName(CalibrationMethod method) {
  constexpr const char* kNames[] = {"none", "temperature", "platt", "isotonic"};
  return kNames[static_cast<int>(method)];
}

absl::StatusOr<CalibrationMethod> ParseCalibration(const std::string& name) {
  for (const CalibrationMethod method : kMethods) {
    if (name == CalibrationName(method)) return method;
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "calibration ", Quoted(name),
          " is not known; it is none, temperature, platt or isotonic. Use a "
          "Nevus that knows it, or train the model again")),
      "CALIBRATION_UNKNOWN");
}

absl::Status CheckCalibration(const ScoreCalibration& calibration) {
  const std::vector<double>& logits = calibration.knot_logits;
  const std::vector<double>& probabilities = calibration.knot_probabilities;
  if (!(calibration.slope > 0) || !std::isfinite(calibration.slope) ||
      !std::isfinite(calibration.intercept)) {
    return BadCalibration(absl::StrCat(
        "slope ", calibration.slope, " and intercept ", calibration.intercept,
        "; right are a finite slope above 0 and a finite intercept"));
  }
  const bool isotonic = calibration.method == CalibrationMethod::kIsotonic;
  if (logits.size() != probabilities.size() || logits.empty() == isotonic) {
    return BadCalibration(absl::StrCat(logits.size(), " knots and ",
                                       probabilities.size(),
                                       " probabilities; right is one a knot, "
                                       "some for isotonic and none else"));
  }
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool rises = i == 0 || (logits[i] > logits[i - 1] &&
                                  probabilities[i] >= probabilities[i - 1]);
    if (!rises || !std::isfinite(logits[i]) ||
        !(probabilities[i] >= 0 && probabilities[i] <= 1)) {
      return BadCalibration(absl::StrCat(
          "knot ", i, " is (", logits[i], ", ", probabilities[i],
          "); right are rising logits with probabilities in [0,1] that never "
          "fall"));
    }
  }
  return absl::OkStatus();
}

double Calibrated(const ScoreCalibration& calibration, float logit) {
  if (calibration.method == CalibrationMethod::kNone) return Probability(logit);
  const double x = logit;
  if (calibration.method != CalibrationMethod::kIsotonic) {
    return 1 / (1 + std::exp(-(calibration.slope * x + calibration.intercept)));
  }
  if (std::isnan(x)) return x;
  const std::vector<double>& logits = calibration.knot_logits;
  const std::vector<double>& probabilities = calibration.knot_probabilities;
  const size_t above = static_cast<size_t>(
      std::upper_bound(logits.begin(), logits.end(), x) - logits.begin());
  if (above == 0) return probabilities.front();
  if (above == logits.size()) return probabilities.back();
  const double share =
      (x - logits[above - 1]) / (logits[above] - logits[above - 1]);
  return probabilities[above - 1] +
         share * (probabilities[above] - probabilities[above - 1]);
}

std::optional<ScoreCalibration> FitTemperature(
    const std::vector<Scored>& logits) {
  return FitSigmoid(logits, CalibrationMethod::kTemperature);
}

std::optional<ScoreCalibration> FitPlatt(const std::vector<Scored>& logits) {
  return FitSigmoid(logits, CalibrationMethod::kPlatt);
}

std::optional<ScoreCalibration> FitIsotonic(const std::vector<Scored>& logits) {
  std::vector<Scored> sorted = logits;
  std::sort(sorted.begin(), sorted.end(),
            [](const Scored& a, const Scored& b) { return a.score < b.score; });
  // Pool adjacent violators (Ayer et al., 1955): a block joins its left
  // neighbour as long as it has no higher share of positives.
  struct Block {
    double first, last;  // logits
    double positives, count;
    double share() const { return positives / count; }
  };
  std::vector<Block> blocks;
  for (size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    Block block{sorted[begin].score, sorted[begin].score, 0, 0};
    for (; end < sorted.size() && sorted[end].score == block.first; ++end) {
      block.positives += sorted[end].positive ? 1 : 0;
      ++block.count;
    }
    while (!blocks.empty() && blocks.back().share() >= block.share()) {
      const Block left = blocks.back();
      blocks.pop_back();
      block = {left.first, block.last, left.positives + block.positives,
               left.count + block.count};
    }
    blocks.push_back(block);
  }
  const double least = 1 / (static_cast<double>(sorted.size()) + 2);
  ScoreCalibration calibration;
  calibration.method = CalibrationMethod::kIsotonic;
  for (const Block& block : blocks) {
    const double probability = std::clamp(block.share(), least, 1 - least);
    calibration.knot_logits.push_back(block.first);
    calibration.knot_probabilities.push_back(probability);
    if (block.last == block.first) continue;
    calibration.knot_logits.push_back(block.last);
    calibration.knot_probabilities.push_back(probability);
  }
  // One block says that higher logits are no more often positive.
  if (blocks.size() < 2) return std::nullopt;
  return calibration;
}

absl::StatusOr<ChosenCalibration> ChooseCalibration(
    const std::vector<Scored>& logits, const std::vector<std::string>& names) {
  RETURN_IF_ERROR(CheckLogits(logits));
  const Groups groups = FindGroups(logits, names);
  const std::vector<size_t> folds = Folds(groups);
  ChosenCalibration chosen;
  std::vector<std::vector<double>> losses;
  for (const CalibrationMethod method : kMethods) {
    if (!IsCandidate(groups, method)) continue;
    // Both: the folds may have an answer where the whole has none.
    std::optional<std::vector<double>> judged =
        CrossValidatedLosses(logits, folds, method);
    if (!judged.has_value() || !Fit(logits, method).has_value()) continue;
    CalibrationCandidate candidate;
    candidate.method = method;
    candidate.log_loss = Mean(*judged);
    chosen.candidates.push_back(candidate);
    losses.push_back(*std::move(judged));
  }
  size_t best = 0;
  for (size_t i = 1; i < losses.size(); ++i) {
    if (chosen.candidates[i].log_loss < chosen.candidates[best].log_loss) {
      best = i;
    }
  }
  size_t winner = losses.size();
  for (size_t i = 0; i < losses.size(); ++i) {
    std::vector<double> excess(logits.size());
    for (size_t row = 0; row < excess.size(); ++row) {
      excess[row] = losses[i][row] - losses[best][row];
    }
    CalibrationCandidate& candidate = chosen.candidates[i];
    candidate.excess = Mean(excess);
    candidate.excess_error = ErrorOfMean(excess, candidate.excess, groups);
    if (winner == losses.size() && candidate.excess <= candidate.excess_error) {
      winner = i;
    }
  }
  chosen.calibration = *Fit(logits, chosen.candidates[winner].method);
  return chosen;
}

}  // namespace nevus
