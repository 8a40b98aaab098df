// ... -> prediction -> [evaluation]: two logistic fits and two means.
#include "compute/evaluation/calibration_fit.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "compute/evaluation/logistic_fit.h"

namespace nevus {
namespace {

constexpr double kZ95 = 1.959963984540054;
constexpr double kOffTheEnds = 1e-12;

double Held(double probability) {
  return std::clamp(probability, kOffTheEnds, 1 - kOffTheEnds);
}

}  // namespace

CalibrationFit FitCalibration(const std::vector<Scored>& scored) {
  std::vector<double> logits;
  std::vector<double> truths;
  for (const Scored& one : scored) {
    const double p = Held(one.score);
    logits.push_back(std::log(p / (1 - p)));
    truths.push_back(one.positive ? 1 : 0);
  }
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  CalibrationFit result{kNone, {kNone, kNone}, kNone, {kNone, kNone}};
  if (const auto fit = FitLogistic(logits, truths, LogisticFree::kBoth)) {
    const double half = kZ95 * fit->slope_error;
    result.slope = fit->slope;
    result.slope_ci95 = {fit->slope - half, fit->slope + half};
  }
  if (const auto fit = FitLogistic(logits, truths, LogisticFree::kIntercept)) {
    const double half = kZ95 * fit->intercept_error;
    result.intercept = fit->intercept;
    result.intercept_ci95 = {fit->intercept - half, fit->intercept + half};
  }
  return result;
}

double ExpectedCalibrationError(const std::vector<CalibrationBin>& bins) {
  double sum = 0;
  int64_t count = 0;
  for (const CalibrationBin& bin : bins) {
    sum += static_cast<double>(bin.count) *
           std::abs(bin.mean_score - bin.observed);
    count += bin.count;
  }
  return sum / static_cast<double>(count);
}

CalibrationFigures JudgeCalibration(const std::vector<Scored>& scored) {
  return {FitCalibration(scored),
          ExpectedCalibrationError(CalibrationBins(scored, kCalibrationBins)),
          Brier(scored), LogLoss(scored)};
}

double LogLoss(const std::vector<Scored>& scored) {
  double sum = 0;
  for (const Scored& one : scored) {
    const double p = Held(one.score);
    sum -= std::log(one.positive ? p : 1 - p);
  }
  return sum / static_cast<double>(scored.size());
}

}  // namespace nevus
