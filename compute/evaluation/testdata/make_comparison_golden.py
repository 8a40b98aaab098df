#!/usr/bin/python3
"""Goldens for calibration_fit_test.cc and paired_auc_test.cc.

    /usr/bin/python3 compute/evaluation/testdata/make_comparison_golden.py \
        > compute/evaluation/testdata/comparison_golden.h

Cox's slope is scikit-learn's LogisticRegression without penalty, the intercept
in the large SciPy's root of sum(p) = sum(y); errors are from the inverse of
X^T W X. The paired test is written from the definition in DeLong, DeLong and
Clarke-Pearson, Biometrics 44 (1988), an m x n table a classifier, with SciPy's
normal distribution.
"""

import numpy as np
import scipy
import sklearn
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cox(p, y):
    x = np.log(p / (1 - p))
    model = LogisticRegression(penalty=None, tol=1e-14, max_iter=100000,
                               solver="newton-cholesky").fit(x[:, None], y)
    slope, at = model.coef_[0, 0], model.intercept_[0]
    q = sigmoid(slope * x + at)
    design = np.stack([x, np.ones_like(x)], 1)
    covariance = np.linalg.inv(design.T @ (design * (q * (1 - q))[:, None]))
    large = brentq(lambda a: sigmoid(x + a).sum() - y.sum(), -20, 20, xtol=1e-14)
    q = sigmoid(x + large)
    return slope, np.sqrt(covariance[0, 0]), large, 1 / np.sqrt((q * (1 - q)).sum())


def components(s, y):
    a, b = s[y == 1][:, None], s[y == 0][None, :]
    psi = (a > b) + 0.5 * (a == b)
    return psi.mean(1), psi.mean(0)


def delong(a, b, y):
    a10, a01 = components(a, y)
    b10, b01 = components(b, y)
    s10, s01 = np.cov(a10, b10), np.cov(a01, b01)
    s = s10 / len(a10) + s01 / len(a01)
    difference = a10.mean() - b10.mean()
    error = np.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    z = difference / error
    return a10.mean(), b10.mean(), difference, error, 2 * norm.sf(abs(z))


def case(name, rows, decimals, random):
    y = (random.random(rows) < 0.35).astype(int)
    shared = random.normal(size=rows) + y
    a = np.round(sigmoid(shared + 0.7 * random.normal(size=rows)), decimals)
    b = np.round(sigmoid(1.5 * shared + 1 + random.normal(size=rows)), decimals)
    a, b = np.clip(a, 0.01, 0.99), np.clip(b, 0.01, 0.99)
    print(f'    {{"{name}",\n     {numbers(a)},\n     {numbers(b)},')
    print("     {" + ", ".join(map(str, y)) + "},")
    print(f"     {numbers(cox(b, y))},\n     {numbers(delong(a, b, y))}}},")


def main():
    random = np.random.default_rng(1988)
    print(f"""\
// Made by: /usr/bin/python3 compute/evaluation/testdata/make_comparison_golden.py
// (scikit-learn {sklearn.__version__}, SciPy {scipy.__version__}). Do not edit.
// clang-format off
#ifndef NEVUS_COMPUTE_EVALUATION_TESTDATA_COMPARISON_GOLDEN_H_
#define NEVUS_COMPUTE_EVALUATION_TESTDATA_COMPARISON_GOLDEN_H_

#include <vector>

namespace nevus {{

struct ComparisonGolden {{
  const char* name;
  std::vector<double> a;
  std::vector<double> b;
  std::vector<int> labels;
  // Of b: slope, its error, intercept in the large, its error.
  std::vector<double> cox;
  // AUC of a, of b, difference, its error, two-sided p.
  std::vector<double> delong;
}};

inline const ComparisonGolden kComparisonGoldens[] = {{""")
    case("no ties", 60, 12, random)
    case("ties", 80, 1, random)
    print("""};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_TESTDATA_COMPARISON_GOLDEN_H_""")


main()
