// ... -> prediction -> [evaluation]: the variance of a difference is that of
// the components' differences, case by case.
#include "compute/evaluation/paired_auc.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace nevus {
namespace {

constexpr double kZ95 = 1.959963984540054;

// Of the mean of x - y, over cases.
double VarianceOfMeanDifference(const std::vector<double>& x,
                                const std::vector<double>& y) {
  const double count = static_cast<double>(x.size());
  double mean = 0;
  for (size_t i = 0; i < x.size(); ++i) mean += (x[i] - y[i]) / count;
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double off = x[i] - y[i] - mean;
    sum += off * off;
  }
  return sum / (count - 1) / count;
}

}  // namespace

PairedAuc ComparePaired(const std::vector<Scored>& a,
                        const std::vector<Scored>& b) {
  PairedAuc result;
  result.a = DeLongAuc(a);
  result.b = DeLongAuc(b);
  result.difference = result.a.auc - result.b.auc;
  const DeLongComponents of_a = ComponentsOf(a);
  const DeLongComponents of_b = ComponentsOf(b);
  if (of_a.positives.size() < 2 || of_a.negatives.size() < 2) {
    result.standard_error = 1;
    result.ci95 = {-1, 1};
    return result;
  }
  result.standard_error =
      std::sqrt(VarianceOfMeanDifference(of_a.positives, of_b.positives) +
                VarianceOfMeanDifference(of_a.negatives, of_b.negatives));
  const double half = kZ95 * result.standard_error;
  result.ci95 = {std::max(-1.0, result.difference - half),
                 std::min(1.0, result.difference + half)};
  if (result.standard_error > 0) {
    result.z = result.difference / result.standard_error;
    result.p_value = std::erfc(std::abs(result.z) / std::sqrt(2.0));
  }
  return result;
}

}  // namespace nevus
