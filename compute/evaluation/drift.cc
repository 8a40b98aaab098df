// Bins, distances and verdicts. ... -> prediction -> [drift].
#include "compute/evaluation/drift.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr int kDeciles = kDriftBins - 1;
// The 0.99 quantile of chi square with kDriftBins - 1 degrees of freedom.
constexpr double kChiSquare99 = 21.665994333461924;
// A test that is made every day should not cry once a month.
constexpr double kSmallP = 0.001;

// How many of the nine deciles are smaller.
template <typename Number>
int BinOf(const Number* deciles, Number value) {
  return static_cast<int>(std::lower_bound(deciles, deciles + kDeciles, value) -
                          deciles);
}

std::vector<double> Histogram(const std::vector<double>& deciles,
                              const std::vector<double>& values) {
  std::vector<double> counts(kDriftBins, 0);
  for (const double value : values) ++counts[BinOf(deciles.data(), value)];
  return counts;
}

// P(K > x) of Kolmogorov's distribution. The series alternates and falls fast;
// below 0.2 it is 1 to the last digit.
double KolmogorovTail(double x) {
  if (x < 0.2) return 1;
  double sum = 0;
  for (int k = 1; k <= 100; ++k) {
    const double term = std::exp(-2.0 * k * k * x * x);
    sum += k % 2 == 1 ? term : -term;
    if (term < 1e-17) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

DriftVerdict VerdictOf(double psi, double psi_by_chance) {
  if (psi <= psi_by_chance || psi < kPsiShifting) return DriftVerdict::kStable;
  return psi < kPsiDrifted ? DriftVerdict::kShifting : DriftVerdict::kDrifted;
}

// What the numbers mean, in the words of every reason.
std::string Judgement(DriftVerdict verdict) {
  switch (verdict) {
    case DriftVerdict::kStable:
      return "no change beyond chance that matters";
    case DriftVerdict::kShifting:
      return "a change beyond chance: look at what is sent";
    case DriftVerdict::kDrifted:
      return "another population: do not trust figures found before; compare "
             "cameras, patients and preprocessing, or train again";
    case DriftVerdict::kUnknown:
      break;
  }
  return "unknown";
}

Drift TooFew(int64_t cases) {
  Drift drift;
  drift.reason = absl::StrFormat("%d predictions, of which %d are needed",
                                 cases, kMinDriftCases);
  return drift;
}

Drift NoBaseline() {
  Drift drift;
  drift.reason =
      "the model has no baseline: it was trained before they were kept. Train "
      "it again to have one";
  return drift;
}

absl::Status Invalid(const std::string& what) {
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "the model's baseline ", what,
                        "; export the model again from where it was trained")),
                    "BASELINE_INVALID");
}

template <typename Numbers>
bool AllFinite(const Numbers& numbers) {
  return std::all_of(numbers.begin(), numbers.end(),
                     [](double number) { return std::isfinite(number); });
}

}  // namespace

std::vector<double> Deciles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> deciles;
  for (int i = 1; i <= kDeciles; ++i) {
    const double at = 0.1 * i * static_cast<double>(values.size() - 1);
    const size_t below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, values.size() - 1);
    const double part = at - static_cast<double>(below);
    deciles.push_back(values[below] + part * (values[above] - values[below]));
  }
  return deciles;
}

DriftBaseline MakeBaseline(std::vector<double> validation_scores,
                           const std::vector<float>& train_features,
                           int dimension) {
  DriftBaseline baseline;
  std::sort(validation_scores.begin(), validation_scores.end());
  const size_t all = validation_scores.size();
  const size_t kept = std::min<size_t>(all, kMaxBaselineScores);
  for (size_t i = 0; i < kept; ++i) {
    // The middle of each of `kept` equal stretches of ranks.
    baseline.scores.push_back(
        validation_scores[(2 * i + 1) * all / (2 * kept)]);
  }
  baseline.score_rows = static_cast<int64_t>(all);
  const size_t rows = train_features.size() / dimension;
  baseline.feature_rows = static_cast<int64_t>(rows);
  const int watched = std::min(dimension, kMaxDriftDimensions);
  std::vector<double> column(rows);
  for (int i = 0; i < watched; ++i) {
    const int at = static_cast<int>(int64_t{i} * dimension / watched);
    for (size_t row = 0; row < rows; ++row) {
      column[row] = train_features[row * dimension + at];
    }
    std::vector<float> deciles;
    for (const double decile : Deciles(column)) {
      deciles.push_back(static_cast<float>(decile));
    }
    std::vector<float> fractions(kDriftBins, 0);
    for (const double value : column) {
      fractions[BinOf(deciles.data(), static_cast<float>(value))] +=
          1 / static_cast<float>(rows);
    }
    baseline.dimensions.push_back(at);
    baseline.deciles.insert(baseline.deciles.end(), deciles.begin(),
                            deciles.end());
    baseline.fractions.insert(baseline.fractions.end(), fractions.begin(),
                              fractions.end());
  }
  return baseline;
}

absl::Status CheckBaseline(const DriftBaseline& baseline, int inputs) {
  const size_t dimensions = baseline.dimensions.size();
  if (baseline.scores.size() > kMaxBaselineScores ||
      dimensions > kMaxDriftDimensions) {
    return Invalid(absl::StrCat("has ", baseline.scores.size(), " scores and ",
                                dimensions, " dimensions; the most is ",
                                kMaxBaselineScores, " and ",
                                kMaxDriftDimensions));
  }
  if (baseline.deciles.size() != dimensions * kDeciles ||
      baseline.fractions.size() != dimensions * kDriftBins) {
    return Invalid(absl::StrCat("has ", baseline.deciles.size(),
                                " deciles and ", baseline.fractions.size(),
                                " fractions for ", dimensions, " dimensions"));
  }
  if (!AllFinite(baseline.scores) || !AllFinite(baseline.deciles) ||
      !AllFinite(baseline.fractions)) {
    return Invalid("has a number that is not finite");
  }
  if (!std::is_sorted(baseline.scores.begin(), baseline.scores.end())) {
    return Invalid("has scores that do not rise");
  }
  for (size_t i = 0; i < dimensions; ++i) {
    const int least = i == 0 ? 0 : baseline.dimensions[i - 1] + 1;
    if (baseline.dimensions[i] < least || baseline.dimensions[i] >= inputs) {
      return Invalid(absl::StrCat("watches dimension ", baseline.dimensions[i],
                                  " of ", inputs, ", which is none or twice"));
    }
  }
  return absl::OkStatus();
}

std::string FeatureBins(const int32_t* dimensions, size_t count,
                        const float* deciles, const float* feature) {
  std::string bins(count, '\0');
  for (size_t i = 0; i < count; ++i) {
    bins[i] = static_cast<char>(
        BinOf(deciles + i * kDeciles, feature[dimensions[i]]));
  }
  return bins;
}

double PopulationStabilityIndex(const std::vector<double>& expected_counts,
                                const std::vector<double>& actual_counts) {
  const double bins = static_cast<double>(expected_counts.size());
  double expected_all = bins / 2;
  double actual_all = bins / 2;
  for (const double count : expected_counts) expected_all += count;
  for (const double count : actual_counts) actual_all += count;
  double index = 0;
  for (size_t i = 0; i < expected_counts.size(); ++i) {
    const double expected = (expected_counts[i] + 0.5) / expected_all;
    const double actual = (actual_counts[i] + 0.5) / actual_all;
    index += (actual - expected) * std::log(actual / expected);
  }
  return index;
}

double PsiByChance(int64_t expected_cases, int64_t actual_cases) {
  return kChiSquare99 * (1 / static_cast<double>(expected_cases) +
                         1 / static_cast<double>(actual_cases));
}

KolmogorovSmirnov TwoSampleKs(const std::vector<double>& a,
                              const std::vector<double>& b) {
  const double m = static_cast<double>(a.size());
  const double n = static_cast<double>(b.size());
  KolmogorovSmirnov result;
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const double value = std::min(a[i], b[j]);
    while (i < a.size() && a[i] == value) ++i;
    while (j < b.size() && b[j] == value) ++j;
    result.statistic = std::max(
        result.statistic,
        std::abs(static_cast<double>(i) / m - static_cast<double>(j) / n));
  }
  result.p = KolmogorovTail(std::sqrt(m * n / (m + n)) * result.statistic);
  return result;
}

Drift ScoreDrift(const DriftBaseline& baseline, std::vector<double> scores) {
  if (baseline.scores.empty()) return NoBaseline();
  const int64_t cases = static_cast<int64_t>(scores.size());
  if (cases < kMinDriftCases) return TooFew(cases);
  std::sort(scores.begin(), scores.end());
  Drift drift;
  const std::vector<double> deciles = Deciles(baseline.scores);
  drift.psi = PopulationStabilityIndex(Histogram(deciles, baseline.scores),
                                       Histogram(deciles, scores));
  drift.psi_by_chance =
      PsiByChance(static_cast<int64_t>(baseline.scores.size()), cases);
  drift.ks = TwoSampleKs(baseline.scores, scores);
  drift.verdict = VerdictOf(drift.psi, drift.psi_by_chance);
  if (drift.verdict == DriftVerdict::kStable && drift.ks.p < kSmallP) {
    drift.verdict = DriftVerdict::kShifting;
  }
  drift.reason = absl::StrFormat(
      "%d scores against %d on validation: PSI %.3f (by chance up to %.3f), "
      "Kolmogorov-Smirnov %.3f, p %.2g: %s",
      cases, baseline.score_rows, drift.psi, drift.psi_by_chance,
      drift.ks.statistic, drift.ks.p, Judgement(drift.verdict));
  return drift;
}

Drift FeatureDrift(const DriftBaseline& baseline,
                   const std::vector<std::string_view>& bins) {
  const size_t dimensions = baseline.dimensions.size();
  if (dimensions == 0) return NoBaseline();
  std::vector<std::vector<double>> counts(dimensions,
                                          std::vector<double>(kDriftBins, 0));
  int64_t cases = 0;
  for (const std::string_view one : bins) {
    if (one.size() != dimensions) continue;
    ++cases;
    for (size_t i = 0; i < dimensions; ++i) {
      const auto bin = static_cast<unsigned char>(one[i]);
      ++counts[i][std::min<size_t>(bin, kDriftBins - 1)];
    }
  }
  if (cases < kMinDriftCases) return TooFew(cases);
  Drift drift;
  for (size_t i = 0; i < dimensions; ++i) {
    std::vector<double> expected(kDriftBins);
    for (int bin = 0; bin < kDriftBins; ++bin) {
      expected[bin] = double{baseline.fractions[i * kDriftBins + bin]} *
                      static_cast<double>(baseline.feature_rows);
    }
    const double psi = PopulationStabilityIndex(expected, counts[i]);
    drift.psi += psi / static_cast<double>(dimensions);
    if (psi > drift.worst_psi) {
      drift.worst_psi = psi;
      drift.worst_dimension = baseline.dimensions[i];
    }
  }
  drift.psi_by_chance = PsiByChance(baseline.feature_rows, cases);
  drift.verdict = VerdictOf(drift.psi, drift.psi_by_chance);
  drift.reason = absl::StrFormat(
      "features of %d images against %d of the train split, %d dimensions: "
      "mean PSI %.3f (by chance up to %.3f), most %.3f in dimension %d: %s",
      cases, baseline.feature_rows, dimensions, drift.psi, drift.psi_by_chance,
      drift.worst_psi, drift.worst_dimension, Judgement(drift.verdict));
  return drift;
}

}  // namespace nevus
