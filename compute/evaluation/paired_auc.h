// Two classifiers on the same cases: is one's AUC really higher, and whom would
// the other have called otherwise?
//
// ... -> prediction -> [evaluation]. Pure; knows no model and no dataset.
#ifndef NEVUS_COMPUTE_EVALUATION_PAIRED_AUC_H_
#define NEVUS_COMPUTE_EVALUATION_PAIRED_AUC_H_

#include <vector>

#include "compute/evaluation/metrics.h"

namespace nevus {

struct PairedAuc {
  AucResult a;
  AucResult b;
  double difference = 0;  // a less b
  double standard_error = 0;
  Interval ci95;  // of the difference, +- 1.96 standard errors
  double z = 0;
  double p_value = 1;  // two-sided: that chance alone gives such a difference
};

// The test of DeLong et al. (1988) for correlated curves, whose covariance
// counts that both met the same cases. Both rank alike (error 0): z 0, p 1.
// A class with one case has no variance: p 1, the interval [-1, 1].
// REQUIRES: both classes; `a` and `b` are the same cases in the same order.
PairedAuc ComparePaired(const std::vector<Scored>& a,
                        const std::vector<Scored>& b);

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_PAIRED_AUC_H_
