// feature -> [out of distribution?]: the shrunk covariance and its inverse
// factor. Plain loops in double for fitting, Dot in float for judging.
#include "compute/classifier/ood_detector.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

// An input that never varied in training would be divided by almost nothing
// where Ledoit and Wolf shrink by almost nothing, as they do for many rows.
constexpr double kLeastShrinkage = 1e-3;
// Rows whose products are summed at a time: 64 columns of doubles stay in the
// second-level cache.
constexpr size_t kBlock = 64;

// In an order that is fixed, as in head.cc: the same bits on any thread.
float Dot(const float* a, const float* b, size_t size) {
  // The width of an AVX-512 register. Part of the definition: another number of
  // lanes is another order of summation, so other last bits.
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += a[i + lane] * b[i + lane];
    }
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      lanes[lane] += lanes[lane + width];
    }
  }
  return lanes[0];
}

size_t TriangleSize(int inputs) {
  return static_cast<size_t>(inputs) * (static_cast<size_t>(inputs) + 1) / 2;
}

absl::Status BadDetector(const std::string& field, const std::string& problem) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "ood detector: ", field, " ", problem, ". Train the model again")),
      "OOD_DETECTOR_INVALID", {{"field", field}});
}

absl::Status CheckField(const std::string& field,
                        const std::vector<float>& values, size_t size) {
  if (values.size() != size) {
    return BadDetector(field, absl::StrCat("has ", values.size(),
                                           " numbers; right are ", size));
  }
  for (size_t i = 0; i < size; ++i) {
    if (std::isfinite(values[i])) continue;
    return BadDetector(field, absl::StrCat("[", i, "] is ", values[i],
                                           "; right is a finite number"));
  }
  return absl::OkStatus();
}

// `feature` scaled to length 1; false if it has none.
bool UnitLength(const float* feature, size_t inputs, double* unit) {
  double squares = 0;
  for (size_t i = 0; i < inputs; ++i) {
    squares += static_cast<double>(feature[i]) * feature[i];
  }
  if (!(squares > 0) || !std::isfinite(squares)) return false;
  const double scale = 1 / std::sqrt(squares);
  for (size_t i = 0; i < inputs; ++i) unit[i] = feature[i] * scale;
  return true;
}

// Those features that have a length, at length 1, row by row.
std::vector<double> UnitsOf(size_t inputs, const std::vector<float>& rows) {
  std::vector<double> units(rows.size());
  size_t kept = 0;
  for (size_t begin = 0; begin < rows.size(); begin += inputs) {
    if (UnitLength(&rows[begin], inputs, &units[kept])) kept += inputs;
  }
  units.resize(kept);
  return units;
}

// Subtracts the mean of the rows from each, and returns it.
std::vector<double> Centre(size_t inputs, std::vector<double>& rows) {
  const size_t count = rows.size() / inputs;
  std::vector<double> mean(inputs);
  for (size_t i = 0; i < rows.size(); ++i) mean[i % inputs] += rows[i];
  for (double& value : mean) value /= static_cast<double>(count);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] -= mean[i % inputs];
  return mean;
}

// The lower triangle of rows^T rows / count, row by row.
std::vector<double> Covariance(size_t inputs, const std::vector<double>& rows) {
  const size_t count = rows.size() / inputs;
  std::vector<double> triangle(TriangleSize(static_cast<int>(inputs)));
  std::vector<double> columns(inputs * kBlock);
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t size = std::min(kBlock, count - begin);
    std::fill(columns.begin(), columns.end(), 0);
    for (size_t r = 0; r < size; ++r) {
      for (size_t i = 0; i < inputs; ++i) {
        columns[i * kBlock + r] = rows[(begin + r) * inputs + i];
      }
    }
    size_t at = 0;
    for (size_t i = 0; i < inputs; ++i) {
      const double* const a = &columns[i * kBlock];
      for (size_t j = 0; j <= i; ++j) {
        const double* const b = &columns[j * kBlock];
        double lanes[4] = {};
        for (size_t r = 0; r < kBlock; r += 4) {
          for (size_t lane = 0; lane < 4; ++lane) {
            lanes[lane] += a[r + lane] * b[r + lane];
          }
        }
        triangle[at++] += (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
      }
    }
  }
  for (double& value : triangle) value /= static_cast<double>(count);
  return triangle;
}

// How far to shrink, and towards which multiple of the identity.
struct Shrinkage {
  double share = 0;
  double variance = 0;
};

// Ledoit and Wolf's lemma 3.2 to 3.5: how much the sample's covariance errs,
// over how far it is from the identity's multiple.
Shrinkage LedoitWolf(size_t inputs, const std::vector<double>& rows,
                     const std::vector<double>& triangle) {
  const double p = static_cast<double>(inputs);
  const double n = static_cast<double>(rows.size() / inputs);
  double trace = 0;
  double frobenius = 0;
  size_t at = 0;
  for (size_t i = 0; i < inputs; ++i) {
    for (size_t j = 0; j <= i; ++j, ++at) {
      frobenius += (i == j ? 1 : 2) * triangle[at] * triangle[at];
    }
    trace += triangle[at - 1];
  }
  double fourth = 0;
  for (size_t begin = 0; begin < rows.size(); begin += inputs) {
    double squares = 0;
    for (size_t i = 0; i < inputs; ++i) {
      squares += rows[begin + i] * rows[begin + i];
    }
    fourth += squares * squares;
  }
  const double mean_variance = trace / p;
  const double error = (fourth / n - frobenius) / (n * p);
  const double distance = frobenius / p - mean_variance * mean_variance;
  double share = 1;
  if (distance > 0) share = std::min(error, distance) / distance;
  return {std::max(share, kLeastShrinkage), mean_variance};
}

// In place: a positive definite triangle becomes its Cholesky factor, then that
// factor's inverse. False if it is not positive definite.
bool InvertFactor(size_t inputs, std::vector<double>& triangle) {
  std::vector<double*> row(inputs);
  for (size_t i = 0; i < inputs; ++i) row[i] = &triangle[i * (i + 1) / 2];
  for (size_t i = 0; i < inputs; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = row[i][j];
      for (size_t k = 0; k < j; ++k) sum -= row[i][k] * row[j][k];
      if (i != j) {
        row[i][j] = sum / row[j][j];
      } else if (sum > 0) {
        row[i][i] = std::sqrt(sum);
      } else {
        return false;
      }
    }
  }
  // Forward substitution, row by row: rows above i hold the inverse already.
  std::vector<double> sums(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    std::fill_n(sums.begin(), i, 0);
    for (size_t k = 0; k < i; ++k) {
      for (size_t j = 0; j <= k; ++j) sums[j] += row[i][k] * row[k][j];
    }
    const double diagonal = row[i][i];
    for (size_t j = 0; j < i; ++j) row[i][j] = -sums[j] / diagonal;
    row[i][i] = 1 / diagonal;
  }
  return true;
}

}  // namespace

absl::Status CheckOodDetector(const OodDetector& detector) {
  if (detector.inputs <= 0 || detector.inputs > kMostOodInputs) {
    return BadDetector("inputs",
                       absl::StrCat("is ", detector.inputs, "; right is 1 to ",
                                    kMostOodInputs));
  }
  if (!std::isfinite(detector.threshold)) {
    return BadDetector("threshold", absl::StrCat("is ", detector.threshold,
                                                 "; right is a finite number"));
  }
  RETURN_IF_ERROR(CheckField("mean", detector.mean, detector.inputs));
  return CheckField("whitening", detector.whitening,
                    TriangleSize(detector.inputs));
}

double OodDistance(const OodDetector& detector, const float* feature) {
  const size_t inputs = detector.inputs;
  std::vector<double> unit(inputs);
  if (!UnitLength(feature, inputs, unit.data())) {
    // Of length 0 it stays where it is; a NaN must not look familiar.
    for (size_t i = 0; i < inputs; ++i) unit[i] = feature[i];
  }
  std::vector<float> centred(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    centred[i] = static_cast<float>(unit[i]) - detector.mean[i];
  }
  double squares = 0;
  const float* row = detector.whitening.data();
  for (size_t i = 0; i < inputs; row += ++i) {
    const double along = Dot(row, centred.data(), i + 1);
    squares += along * along;
  }
  return std::sqrt(squares);
}

std::vector<int64_t> OodSample(int64_t rows) {
  const int64_t count = std::min(rows, kMostOodRows);
  std::vector<int64_t> sample;
  for (int64_t i = 0; i < count; ++i) sample.push_back(i * rows / count);
  return sample;
}

std::optional<OodDetector> FitOodDetector(int inputs,
                                          const std::vector<float>& rows) {
  if (inputs <= 0 || inputs > kMostOodInputs) return std::nullopt;
  const size_t size = inputs;
  std::vector<double> units = UnitsOf(size, rows);
  if (units.size() < 2 * size) return std::nullopt;
  const std::vector<double> mean = Centre(size, units);
  std::vector<double> triangle = Covariance(size, units);
  const Shrinkage shrinkage = LedoitWolf(size, units, triangle);
  // Below it all features are one, but for float's rounding.
  if (!(shrinkage.variance > 1e-15)) return std::nullopt;
  size_t at = 0;
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j <= i; ++j, ++at) {
      triangle[at] *= 1 - shrinkage.share;
      if (i == j) triangle[at] += shrinkage.share * shrinkage.variance;
    }
  }
  if (!InvertFactor(size, triangle)) return std::nullopt;
  OodDetector detector;
  detector.inputs = inputs;
  detector.mean.assign(mean.begin(), mean.end());
  detector.whitening.assign(triangle.begin(), triangle.end());
  detector.shrinkage = shrinkage.share;
  return detector;
}

double OodThreshold(std::vector<double> distances, double rate) {
  const size_t above =
      static_cast<size_t>(rate * static_cast<double>(distances.size()));
  std::sort(distances.begin(), distances.end(), std::greater<double>());
  return distances[above];
}

}  // namespace nevus
