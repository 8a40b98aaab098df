#!/usr/bin/python3
"""Goldens for ood_detector_test.cc, from scikit-learn's LedoitWolf.

    /usr/bin/python3 compute/classifier/testdata/make_ood_golden.py \
        > compute/classifier/testdata/ood_golden.h

Distances are worked out with scikit-learn's precision matrix, in double.
"""

import numpy as np
import sklearn
from sklearn.covariance import LedoitWolf

ROWS, INPUTS, PROBES = 30, 5, 8


def numbers(values):
    return "{" + ", ".join(repr(float(v)) for v in np.ravel(values)) + "}"


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def main():
    random = np.random.default_rng(2004)
    mixing = random.normal(size=(INPUTS, INPUTS))
    draw = lambda n: np.abs(random.normal(size=(n, INPUTS)) @ mixing + 2).astype(np.float32)
    rows = draw(ROWS)
    probes = np.concatenate([draw(PROBES - 2), [[9, 0, 0, 0, 0], [1, 1, 1, 1, 1]]])
    fit = LedoitWolf().fit(unit(rows.astype(float)))
    off = unit(probes.astype(float)) - fit.location_
    distances = np.sqrt(np.einsum("ij,jk,ik->i", off, fit.precision_, off))
    print(f"""\
// Made by: /usr/bin/python3 compute/classifier/testdata/make_ood_golden.py
// (scikit-learn {sklearn.__version__}). Do not edit.
// clang-format off
#ifndef NEVUS_COMPUTE_CLASSIFIER_TESTDATA_OOD_GOLDEN_H_
#define NEVUS_COMPUTE_CLASSIFIER_TESTDATA_OOD_GOLDEN_H_

#include <vector>

namespace nevus {{

inline constexpr int kOodInputs = {INPUTS};
inline const std::vector<float> kOodRows = {numbers(rows)};
inline const std::vector<float> kOodProbes = {numbers(probes)};
inline constexpr double kOodShrinkage = {float(fit.shrinkage_)!r};
inline const std::vector<double> kOodDistances = {numbers(distances)};

}}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_TESTDATA_OOD_GOLDEN_H_""")


main()
