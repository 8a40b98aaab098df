#!/usr/bin/python3
"""A small problem and scikit-learn's optimum for it, for train_test.cc.

    /usr/bin/python3 \
        compute/classifier/testdata/make_logistic_regression_golden.py \
        > compute/classifier/testdata/logistic_regression_golden.h

Three inputs of different scale and a skewed class balance; the optimum is that
of the class-weighted cross entropy on standardised inputs without penalty.
"""

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

ROWS = 120


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in values) + "}"


def main():
    random = np.random.default_rng(1958)
    labels = (random.random(ROWS) < 0.3).astype(int)
    features = random.normal(size=(ROWS, 3))
    features += labels[:, None] * np.array([1.0, 0.5, -0.8])
    features = (features * [1, 20, 0.01] + [5, -3, 0.1]).astype(np.float32)
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    model = LogisticRegression(penalty=None, class_weight="balanced",
                               tol=1e-12, max_iter=10000).fit(scaled, labels)
    logits = model.decision_function(scaled)
    weights = np.where(labels == 1, ROWS / 2 / labels.sum(),
                       ROWS / 2 / (ROWS - labels.sum()))
    loss = np.mean(weights * (np.logaddexp(0, logits) - labels * logits))
    print(f"""\
// Made by: /usr/bin/python3
//   compute/classifier/testdata/make_logistic_regression_golden.py
// (scikit-learn {sklearn.__version__}, numpy {np.__version__}). Do not edit.
// clang-format off
#ifndef NEVUS_COMPUTE_CLASSIFIER_TESTDATA_LOGISTIC_REGRESSION_GOLDEN_H_
#define NEVUS_COMPUTE_CLASSIFIER_TESTDATA_LOGISTIC_REGRESSION_GOLDEN_H_

#include <cstdint>
#include <vector>

namespace nevus {{

inline const std::vector<float> kGoldenFeatures = {numbers(features.ravel())
    .replace(", ", "f, ").replace("}", "f}")};
inline const std::vector<uint8_t> kGoldenLabels = {{{
    ", ".join(str(label) for label in labels)}}};
// The least that the mean weighted cross entropy can be, in nats.
inline const double kGoldenLoss = {float(loss)!r};

}}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TESTDATA_LOGISTIC_REGRESSION_GOLDEN_H_""")


if __name__ == "__main__":
    main()
