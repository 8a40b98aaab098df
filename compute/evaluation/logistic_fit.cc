// ... -> prediction -> [evaluation]: Newton's method in two numbers, with the
// step halved until the loss falls.
#include "compute/evaluation/logistic_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace nevus {
namespace {

constexpr int kMaxSteps = 100;
constexpr int kMaxHalvings = 50;
// Beyond it an answer is as good as none.
constexpr double kMaxCoefficient = 1e4;

struct Point {
  double slope = 1;
  double intercept = 0;
};

double Loss(const std::vector<double>& x, const std::vector<double>& targets,
            const Point& at) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double z = at.slope * x[i] + at.intercept;
    sum += Softplus(z) - targets[i] * z;
  }
  return sum;
}

// Whether targets of 0 and 1 alone are parted by what is free: then a steeper
// answer is always better.
bool IsParted(const std::vector<double>& x, const std::vector<double>& targets,
              LogisticFree free) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double least[2] = {kInfinity, kInfinity};
  double most[2] = {-kInfinity, -kInfinity};
  for (size_t i = 0; i < x.size(); ++i) {
    if (targets[i] != 0 && targets[i] != 1) return false;
    const int target = targets[i] == 1;
    least[target] = std::min(least[target], x[i]);
    most[target] = std::max(most[target], x[i]);
  }
  if (free == LogisticFree::kIntercept) {
    return least[0] == kInfinity || least[1] == kInfinity;
  }
  // Without an intercept 0 is the only place to part at.
  const double low = free == LogisticFree::kSlope ? 0 : least[1];
  const double high = free == LogisticFree::kSlope ? 0 : most[1];
  return (most[0] <= low && least[1] >= low) ||
         (least[0] >= high && most[1] <= high);
}

// The gradient, and the Hessian's entries.
struct Derivatives {
  double slope = 0, intercept = 0;
  double slope_slope = 0, slope_intercept = 0, intercept_intercept = 0;
};

Derivatives At(const std::vector<double>& x, const std::vector<double>& targets,
               const Point& at) {
  Derivatives d;
  for (size_t i = 0; i < x.size(); ++i) {
    const double p = 1 / (1 + std::exp(-(at.slope * x[i] + at.intercept)));
    const double weight = p * (1 - p);
    d.slope += (p - targets[i]) * x[i];
    d.intercept += p - targets[i];
    d.slope_slope += weight * x[i] * x[i];
    d.slope_intercept += weight * x[i];
    d.intercept_intercept += weight;
  }
  return d;
}

// The inverse of the Hessian in what is free; the rest is 0. Nothing if it is
// singular.
std::optional<Derivatives> Inverse(const Derivatives& d, LogisticFree free) {
  Derivatives inverse;
  if (free == LogisticFree::kSlope) {
    if (!(d.slope_slope > 0)) return std::nullopt;
    inverse.slope_slope = 1 / d.slope_slope;
    return inverse;
  }
  if (free == LogisticFree::kIntercept) {
    if (!(d.intercept_intercept > 0)) return std::nullopt;
    inverse.intercept_intercept = 1 / d.intercept_intercept;
    return inverse;
  }
  const double product = d.slope_slope * d.intercept_intercept;
  const double determinant = product - d.slope_intercept * d.slope_intercept;
  if (!(determinant > 1e-14 * product)) return std::nullopt;
  inverse.slope_slope = d.intercept_intercept / determinant;
  inverse.intercept_intercept = d.slope_slope / determinant;
  inverse.slope_intercept = -d.slope_intercept / determinant;
  return inverse;
}

}  // namespace

double Softplus(double z) {
  return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z));
}

std::optional<LogisticFit> FitLogistic(const std::vector<double>& x,
                                       const std::vector<double>& targets,
                                       LogisticFree free) {
  if (IsParted(x, targets, free)) return std::nullopt;
  Point at;
  double loss = Loss(x, targets, at);
  for (int step = 0; step < kMaxSteps; ++step) {
    const Derivatives d = At(x, targets, at);
    const std::optional<Derivatives> inverse = Inverse(d, free);
    if (!inverse.has_value()) return std::nullopt;
    const double slope_step =
        inverse->slope_slope * d.slope + inverse->slope_intercept * d.intercept;
    const double intercept_step = inverse->slope_intercept * d.slope +
                                  inverse->intercept_intercept * d.intercept;
    // Newton's decrement: what a full step would gain, about.
    if (slope_step * d.slope + intercept_step * d.intercept <=
        1e-20 * (1 + loss)) {
      return LogisticFit{at.slope, at.intercept,
                         std::sqrt(inverse->slope_slope),
                         std::sqrt(inverse->intercept_intercept)};
    }
    double scale = 1;
    Point next;
    double next_loss = loss;
    for (int halving = 0; halving < kMaxHalvings; ++halving, scale /= 2) {
      next = {at.slope - scale * slope_step,
              at.intercept - scale * intercept_step};
      next_loss = Loss(x, targets, next);
      if (next_loss < loss) break;
    }
    if (!(next_loss < loss)) {
      // No step gains anything any more: rounding, so this is the minimum.
      return LogisticFit{at.slope, at.intercept,
                         std::sqrt(inverse->slope_slope),
                         std::sqrt(inverse->intercept_intercept)};
    }
    at = next;
    loss = next_loss;
    if (!(std::abs(at.slope) < kMaxCoefficient &&
          std::abs(at.intercept) < kMaxCoefficient)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace nevus
