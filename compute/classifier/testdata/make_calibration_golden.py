#!/usr/bin/python3
"""Goldens for calibration_test.cc, from scikit-learn and SciPy (Debian 12's).

    /usr/bin/python3 compute/classifier/testdata/make_calibration_golden.py \
        > compute/classifier/testdata/calibration_golden.h

Platt: scikit-learn's own fit, which minimises with BFGS. Temperature: SciPy's
bounded scalar minimiser on Platt's smoothed targets. Isotonic: scikit-learn's
IsotonicRegression, clipped as calibration.h says. The cross-validated losses
use the same three with the folds that calibration.h defines.
"""

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize_scalar
from sklearn.calibration import _sigmoid_calibration
from sklearn.isotonic import IsotonicRegression

PROBES = [-20.0, -3.0, -1.25, -0.5, 0.0, 0.3, 1.0, 2.75, 20.0]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def platt(x, y):
    a, b = _sigmoid_calibration(x, y)
    return lambda q: sigmoid(-(a * q + b)), (-a, -b)


def temperature(x, y):
    m, n = y.sum(), (1 - y).sum()
    t = np.where(y == 1, (m + 1) / (m + 2), 1 / (n + 2))
    loss = lambda s: np.sum(np.logaddexp(0, s * x) - t * s * x)
    s = minimize_scalar(loss, bounds=(1e-3, 20), method="bounded",
                        options={"xatol": 1e-12}).x
    return lambda q: sigmoid(s * q), s


def isotonic(x, y):
    model = IsotonicRegression(out_of_bounds="clip").fit(x, y)
    least = 1 / (len(x) + 2)
    knots = np.clip(model.y_thresholds_, least, 1 - least)
    return lambda q: np.interp(q, model.X_thresholds_, knots)


def cross_validated(fit, x, y):
    fold = np.empty(len(y), int)
    for c in (0, 1):
        fold[y == c] = np.arange((y == c).sum()) % 5
    loss = np.empty(len(y))
    for k in range(5):
        out = fit(x[fold != k], y[fold != k])
        p = (out[0] if isinstance(out, tuple) else out)(x[fold == k])
        loss[fold == k] = -np.log(np.where(y[fold == k] == 1, p, 1 - p))
    return loss.mean()


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def case(name, rows, prevalence, shift, scale, random):
    y = (random.random(rows) < prevalence).astype(int)
    # Log odds of two normals one apart, distorted by scale and shift; one
    # decimal, so that there are ties.
    x = random.normal(size=rows) + y
    x = np.round(scale * (x - 0.5) + shift, 1).astype(np.float32).astype(float)
    none = lambda a, b: sigmoid
    p, (slope, intercept) = platt(x, y)
    t, t_slope = temperature(x, y)
    i = isotonic(x, y)
    losses = [cross_validated(f, x, y) for f in (none, temperature, platt, isotonic)]
    print(f'    {{"{name}",\n     {numbers(x)},')
    print("     {" + ", ".join(map(str, y)) + "},")
    print(f"     {t_slope!r}, {slope!r}, {intercept!r},")
    print(f"     {numbers(i(np.array(PROBES)))},\n     {numbers(losses)}}},")


def main():
    random = np.random.default_rng(1999)
    print(f"""\
// Made by: /usr/bin/python3 compute/classifier/testdata/make_calibration_golden.py
// (scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}). Do not edit.
// clang-format off
#ifndef NEVUS_COMPUTE_CLASSIFIER_TESTDATA_CALIBRATION_GOLDEN_H_
#define NEVUS_COMPUTE_CLASSIFIER_TESTDATA_CALIBRATION_GOLDEN_H_

#include <vector>

namespace nevus {{

struct CalibrationGolden {{
  const char* name;
  std::vector<double> logits;
  std::vector<int> labels;
  double temperature_slope;
  double platt_slope;
  double platt_intercept;
  std::vector<double> isotonic;  // of kCalibrationProbes
  // Mean over the rows: none, temperature, Platt, isotonic.
  std::vector<double> cross_validated;
}};

inline const std::vector<double> kCalibrationProbes = {numbers(PROBES)};

inline const CalibrationGolden kCalibrationGoldens[] = {{""")
    case("too high", 120, 0.2, 0.7, 1.0, random)
    case("too extreme", 150, 0.5, 0.0, 3.0, random)
    case("honest", 100, 0.5, 0.0, 1.0, random)
    print("""};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TESTDATA_CALIBRATION_GOLDEN_H_""")


main()
