// Ranks, counts and intervals behind the figures of an evaluation.
//
// ... -> prediction -> [evaluation]. Counts are whole numbers as long as they
// can be, so that ties and thresholds are exact.
#include "compute/evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace nevus {
namespace {

// The 0.975 quantile of the standard normal distribution.
constexpr double kZ95 = 1.959963984540054;

std::vector<double> ScoresOf(const std::vector<Scored>& scored, bool positive) {
  std::vector<double> scores;
  for (const Scored& one : scored) {
    if (one.positive == positive) scores.push_back(one.score);
  }
  return scores;
}

// For each value its place in the sorted order, from 1; equal values share the
// mean of their places.
std::vector<double> Midranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) {
      ++end;
    }
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
  }
  return ranks;
}

double Mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

// The unbiased variance of the mean of `values`, two or more.
double VarianceOfMean(const std::vector<double>& values) {
  const double mean = Mean(values);
  const double count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return sum / (count - 1) / count;
}

std::vector<Scored> Sorted(std::vector<Scored> scored, bool rising) {
  std::sort(scored.begin(), scored.end(), [=](const auto& a, const auto& b) {
    return rising ? a.score < b.score : a.score > b.score;
  });
  return scored;
}

}  // namespace

// Among all cases, a positive's midrank counts the positives and the negatives
// below it; less its midrank among the positives, the negatives are left.
DeLongComponents ComponentsOf(const std::vector<Scored>& scored) {
  const std::vector<double> positives = ScoresOf(scored, true);
  const std::vector<double> negatives = ScoresOf(scored, false);
  std::vector<double> all = positives;
  all.insert(all.end(), negatives.begin(), negatives.end());
  const std::vector<double> rank = Midranks(all);
  const std::vector<double> positive_rank = Midranks(positives);
  const std::vector<double> negative_rank = Midranks(negatives);
  const double m = static_cast<double>(positives.size());
  const double n = static_cast<double>(negatives.size());
  DeLongComponents components;
  for (size_t i = 0; i < positives.size(); ++i) {
    components.positives.push_back((rank[i] - positive_rank[i]) / n);
  }
  for (size_t j = 0; j < negatives.size(); ++j) {
    components.negatives.push_back(
        1 - (rank[positives.size() + j] - negative_rank[j]) / m);
  }
  return components;
}

double Auc(const std::vector<Scored>& scored) {
  return Mean(ComponentsOf(scored).positives);
}

AucResult DeLongAuc(const std::vector<Scored>& scored) {
  const DeLongComponents components = ComponentsOf(scored);
  AucResult result;
  result.auc = Mean(components.positives);
  result.standard_error = 0.5;
  if (components.positives.size() > 1 && components.negatives.size() > 1) {
    result.standard_error = std::sqrt(VarianceOfMean(components.positives) +
                                      VarianceOfMean(components.negatives));
  }
  const double half = kZ95 * result.standard_error;
  result.ci95 = {std::max(0.0, result.auc - half),
                 std::min(1.0, result.auc + half)};
  return result;
}

Confusion ConfusionAt(const std::vector<Scored>& scored, double threshold) {
  Confusion confusion;
  for (const Scored& one : scored) {
    if (one.score >= threshold) {
      ++(one.positive ? confusion.tp : confusion.fp);
    } else {
      ++(one.positive ? confusion.fn : confusion.tn);
    }
  }
  return confusion;
}

std::vector<RocPoint> RocCurve(const std::vector<Scored>& scored) {
  RocPoint point;
  point.threshold = std::numeric_limits<double>::infinity();
  for (const Scored& one : scored) {
    ++(one.positive ? point.confusion.fn : point.confusion.tn);
  }
  const double positives = static_cast<double>(point.confusion.fn);
  const double negatives = static_cast<double>(point.confusion.tn);
  std::vector<RocPoint> points;
  const auto add = [&] {
    point.sensitivity = static_cast<double>(point.confusion.tp) / positives;
    point.specificity = static_cast<double>(point.confusion.tn) / negatives;
    points.push_back(point);
  };
  add();
  const std::vector<Scored> sorted = Sorted(scored, /*rising=*/false);
  for (size_t i = 0; i < sorted.size(); ++i) {
    Confusion& confusion = point.confusion;
    --(sorted[i].positive ? confusion.fn : confusion.tn);
    ++(sorted[i].positive ? confusion.tp : confusion.fp);
    point.threshold = sorted[i].score;
    const bool last_of_equals =
        i + 1 == sorted.size() || sorted[i + 1].score != sorted[i].score;
    if (last_of_equals) add();
  }
  return points;
}

std::vector<PrecisionRecallPoint> PrecisionRecallCurve(
    const std::vector<Scored>& scored) {
  std::vector<PrecisionRecallPoint> points;
  for (const RocPoint& point : RocCurve(scored)) {
    const int64_t called = point.confusion.tp + point.confusion.fp;
    if (called == 0) continue;  // Precision of nothing is no number.
    points.push_back({point.threshold, point.sensitivity,
                      static_cast<double>(point.confusion.tp) /
                          static_cast<double>(called)});
  }
  return points;
}

double AveragePrecision(const std::vector<Scored>& scored) {
  double sum = 0;
  double recall = 0;
  for (const PrecisionRecallPoint& point : PrecisionRecallCurve(scored)) {
    sum += (point.recall - recall) * point.precision;
    recall = point.recall;
  }
  return sum;
}

Interval Wilson(int64_t successes, int64_t total) {
  if (total == 0) return {0, 1};
  const double n = static_cast<double>(total);
  const double p = static_cast<double>(successes) / n;
  const double z2 = kZ95 * kZ95;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half =
      kZ95 * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
  // Exact at the ends, where rounding would leave 1e-17 over.
  return {successes == 0 ? 0.0 : centre - half,
          successes == total ? 1.0 : centre + half};
}

double Brier(const std::vector<Scored>& scored) {
  double sum = 0;
  for (const Scored& one : scored) {
    const double off = one.score - (one.positive ? 1 : 0);
    sum += off * off;
  }
  return sum / static_cast<double>(scored.size());
}

std::vector<CalibrationBin> CalibrationBins(const std::vector<Scored>& scored,
                                            int bins) {
  const std::vector<Scored> sorted = Sorted(scored, /*rising=*/true);
  std::vector<CalibrationBin> result;
  size_t begin = 0;
  for (int bin = 1; bin <= bins; ++bin) {
    size_t end = sorted.size() * bin / bins;
    if (end <= begin) continue;
    while (end < sorted.size() && sorted[end].score == sorted[end - 1].score) {
      ++end;
    }
    int64_t positives = 0;
    double sum = 0;
    for (size_t i = begin; i < end; ++i) {
      positives += sorted[i].positive ? 1 : 0;
      sum += sorted[i].score;
    }
    const int64_t count = static_cast<int64_t>(end - begin);
    result.push_back(
        {count, sum / static_cast<double>(count),
         static_cast<double>(positives) / static_cast<double>(count),
         Wilson(positives, count)});
    begin = end;
  }
  return result;
}

}  // namespace nevus
