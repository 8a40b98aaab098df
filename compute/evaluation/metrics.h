// The figures by which a classifier is judged, from scores and truths alone.
//
// ... -> model -> prediction -> [evaluation]. Pure functions of their
// arguments; they know no model, no dataset and no threshold policy
// (operating_point.h). Formulas, sources and limits of each:
// docs/evaluation.md.
//
// REQUIRES, everywhere below: scores are not NaN. Where a function needs both
// classes, or any row, it says so; evaluation.h checks all of it for callers.
#ifndef NEVUS_COMPUTE_EVALUATION_METRICS_H_
#define NEVUS_COMPUTE_EVALUATION_METRICS_H_

#include <cstdint>
#include <vector>

namespace nevus {

// One case: what the classifier said of it, and what it is.
struct Scored {
  double score = 0;  // higher: more probably positive
  bool positive = false;
};

// Both ends belong to it.
struct Interval {
  double low = 0;
  double high = 0;
};

// The probability that a random positive scores above a random negative, a tie
// counting half (Mann-Whitney). O(n log n). REQUIRES: both classes.
double Auc(const std::vector<Scored>& scored);

struct AucResult {
  double auc = 0;
  Interval ci95;  // auc +- 1.96 standard errors, clipped to [0,1]
  double standard_error = 0;
};

// Auc with the standard error of DeLong et al. (1988), by the midranks of Sun
// and Xu (2014). The interval is the plain one, as R's pROC prints it. A class
// with one case has no variance to estimate: then the standard error is 0.5,
// the largest that a number in [0,1] can have. REQUIRES: both classes.
AucResult DeLongAuc(const std::vector<Scored>& scored);

// DeLong's structural components, in the order of the cases: for each positive
// the share of negatives below it, for each negative the share of positives
// above it; a tie is half. Their means are the AUC. REQUIRES: both classes.
struct DeLongComponents {
  std::vector<double> positives;
  std::vector<double> negatives;
};
DeLongComponents ComponentsOf(const std::vector<Scored>& scored);

// What happens when every score >= threshold is called positive.
struct Confusion {
  int64_t tp = 0;
  int64_t fp = 0;
  int64_t tn = 0;
  int64_t fn = 0;
};
Confusion ConfusionAt(const std::vector<Scored>& scored, double threshold);

struct RocPoint {
  double threshold = 0;
  double sensitivity = 0;
  double specificity = 0;
  Confusion confusion;
};

// From threshold infinity (sensitivity 0, specificity 1) down through every
// distinct score to the lowest (1, 0). Equal scores are one point.
// REQUIRES: both classes.
std::vector<RocPoint> RocCurve(const std::vector<Scored>& scored);

struct PrecisionRecallPoint {
  double threshold = 0;
  double recall = 0;
  double precision = 0;
};

// One point for each distinct score, from the highest down: recall rises to 1.
// REQUIRES: a positive.
std::vector<PrecisionRecallPoint> PrecisionRecallCurve(
    const std::vector<Scored>& scored);

// The sum of precision x rise in recall over the curve's points (no
// interpolation). A classifier that guesses gets the prevalence.
// REQUIRES: a positive.
double AveragePrecision(const std::vector<Scored>& scored);

// Wilson's score interval (1927), 95 %, for `successes` out of `total`; [0,1]
// for a total of 0.
Interval Wilson(int64_t successes, int64_t total);

// The mean squared difference between score and truth (1 or 0), in [0,1]:
// lower is better. REQUIRES: rows; scores in [0,1].
double Brier(const std::vector<Scored>& scored);

struct CalibrationBin {
  int64_t count = 0;
  double mean_score = 0;
  double observed = 0;  // the fraction of positives
  Interval ci95;        // of `observed`, by Wilson
};

// At most `bins` groups of about equal count by rising score; equal scores are
// never parted, so there may be fewer. Well calibrated: observed = mean_score.
// REQUIRES: bins > 0.
std::vector<CalibrationBin> CalibrationBins(const std::vector<Scored>& scored,
                                            int bins);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_METRICS_H_
