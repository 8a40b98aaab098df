// Drift: does what a model is asked about look like what it learned from?
//
// ... -> model -> prediction -> [drift]. A baseline is taken at training and
// kept with the model; later predictions are held against it, by the population
// stability index and the two-sample Kolmogorov-Smirnov test. Pure functions;
// they know no log and no clock. Formulas and sources: docs/watching.md.
#ifndef NEVUS_COMPUTE_EVALUATION_DRIFT_H_
#define NEVUS_COMPUTE_EVALUATION_DRIFT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace nevus {

// Bins of a distribution, parted at the deciles of the baseline.
constexpr int kDriftBins = 10;
// Dimensions of a feature that are watched.
constexpr int kMaxDriftDimensions = 64;
// Scores kept of a baseline.
constexpr int kMaxBaselineScores = 1000;
// Predictions without which nothing is said.
constexpr int64_t kMinDriftCases = 100;
// The index from which a change is worth a look, and from which it is another
// population (Siddiqi, Credit Risk Scorecards, 2006).
constexpr double kPsiShifting = 0.1;
constexpr double kPsiDrifted = 0.25;

// What a model's data looked like at its training.
struct DriftBaseline {
  // Scores of the validation split, rising; of more than kMaxBaselineScores
  // rows so many of them, evenly spaced by rank.
  std::vector<double> scores;
  int64_t score_rows = 0;
  // Watched dimensions, rising; for each nine deciles of the train split, and
  // the fraction of it in each of the ten bins.
  std::vector<int> dimensions;
  std::vector<float> deciles;
  std::vector<float> fractions;
  int64_t feature_rows = 0;
};

// Of the validation split's scores and the train split's features, rows of
// `dimension` numbers. REQUIRES: rows of both; dimension > 0; nothing is NaN.
DriftBaseline MakeBaseline(std::vector<double> validation_scores,
                           const std::vector<float>& train_features,
                           int dimension);

// INVALID_ARGUMENT (BASELINE_INVALID) unless sizes agree, numbers are finite,
// and scores and dimensions, which are below `inputs`, rise. For one that was
// read; an empty one is fine.
absl::Status CheckBaseline(const DriftBaseline& baseline, int inputs);

// The nine deciles of `values`, as NumPy's quantile interpolates them.
// REQUIRES: not empty.
std::vector<double> Deciles(std::vector<double> values);

// For each of `count` dimensions the bin of the feature's number there: how
// many of its nine deciles are smaller. REQUIRES: the feature has all
// dimensions.
std::string FeatureBins(const int32_t* dimensions, size_t count,
                        const float* deciles, const float* feature);

// sum over bins of (a - e) ln(a / e), where e and a are the fractions of the
// two samples, each count taken half a case larger so that none is zero.
// REQUIRES: as many bins of both, and cases.
double PopulationStabilityIndex(const std::vector<double>& expected_counts,
                                const std::vector<double>& actual_counts);

// What the index over kDriftBins bins of two samples of one population exceeds
// once in a hundred times (Yurdakul and Naranjo, 2020).
double PsiByChance(int64_t expected_cases, int64_t actual_cases);

struct KolmogorovSmirnov {
  double statistic = 0;  // the largest distance of the distribution functions
  double p = 1;          // two-sided, asymptotic
};
// REQUIRES: both are sorted and not empty.
KolmogorovSmirnov TwoSampleKs(const std::vector<double>& a,
                              const std::vector<double>& b);

enum class DriftVerdict { kUnknown, kStable, kShifting, kDrifted };

struct Drift {
  DriftVerdict verdict = DriftVerdict::kUnknown;
  std::string reason;  // a sentence with its numbers
  double psi = 0;      // of features: the mean over the watched dimensions
  double psi_by_chance = 0;
  KolmogorovSmirnov ks;     // of scores
  int worst_dimension = 0;  // of features
  double worst_psi = 0;     // of features
};

// Of later scores against the baseline's.
Drift ScoreDrift(const DriftBaseline& baseline, std::vector<double> scores);
// Of later features, each as FeatureBins made it with this baseline; of another
// length it is left out.
Drift FeatureDrift(const DriftBaseline& baseline,
                   const std::vector<std::string_view>& bins);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_DRIFT_H_
