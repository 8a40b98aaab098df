#!/usr/bin/python3
"""Goldens for metrics_test.cc, from scikit-learn and numpy (Debian 12's).

    /usr/bin/python3 compute/evaluation/testdata/make_metrics_golden.py \
        > compute/evaluation/testdata/metrics_golden.h

DeLong's variance is worked out here from the definition in DeLong, DeLong and
Clarke-Pearson, Biometrics 44 (1988), equations 4 and 5: an m x n table of
comparisons, no ranks.
"""

import numpy as np
import sklearn
from sklearn.metrics import (average_precision_score, brier_score_loss,
                             roc_auc_score, roc_curve)


def delong_standard_error(positives, negatives):
    x = positives[:, None]
    y = negatives[None, :]
    psi = (x > y) + 0.5 * (x == y)
    m, n = psi.shape
    s10 = np.var(psi.mean(axis=1), ddof=1)
    s01 = np.var(psi.mean(axis=0), ddof=1)
    return np.sqrt(s10 / m + s01 / n)


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def case(name, scores, labels):
    false_positive, true_positive, _ = roc_curve(
        labels, scores, drop_intermediate=False)
    print("    {")
    print(f'        "{name}",')
    print(f"        {numbers(scores)},")
    print("        {" + ", ".join(str(int(label)) for label in labels) + "},")
    print(f"        {roc_auc_score(labels, scores)!r},")
    error = delong_standard_error(scores[labels == 1], scores[labels == 0])
    print(f"        {float(error)!r},")
    print(f"        {float(average_precision_score(labels, scores))!r},")
    print(f"        {float(brier_score_loss(labels, scores))!r},")
    print(f"        {numbers(true_positive)},")
    print(f"        {numbers(1 - false_positive)},")
    print("    },")


def main():
    random = np.random.default_rng(20170228)
    print(f"""\
// Made by: /usr/bin/python3 compute/evaluation/testdata/make_metrics_golden.py
// (scikit-learn {sklearn.__version__}, numpy {np.__version__}). Do not edit.
// clang-format off
#ifndef NEVUS_COMPUTE_EVALUATION_TESTDATA_METRICS_GOLDEN_H_
#define NEVUS_COMPUTE_EVALUATION_TESTDATA_METRICS_GOLDEN_H_

#include <vector>

namespace nevus {{

struct MetricsGolden {{
  const char* name;
  std::vector<double> scores;
  std::vector<int> labels;
  double auc;
  double delong_standard_error;
  double average_precision;
  double brier;
  std::vector<double> sensitivity;  // the ROC curve, from (0, 1) to (1, 0)
  std::vector<double> specificity;
}};

inline const MetricsGolden kMetricsGoldens[] = {{""")
    labels = (random.random(40) < 0.3).astype(int)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    case("no ties", scores, labels)
    case("ties, one decimal", np.round(scores, 1), labels)
    case("two values", (scores > 0.5).astype(float), labels)
    case("all equal", np.full(40, 0.25), labels)
    case("perfect", labels * 0.5 + 0.25, labels)
    case("worse than chance", 1 - scores, labels)
    print("""\
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_TESTDATA_METRICS_GOLDEN_H_""")


if __name__ == "__main__":
    main()
