// What a precision costs a classifier: the same training on each space's
// features of real, labelled photographs.
#ifndef NEVUS_TESTS_BENCH_ACCURACY_H_
#define NEVUS_TESTS_BENCH_ACCURACY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compute/backbone/arithmetic.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/feature_space.h"
#include "tests/bench/precisions.h"

namespace nevus {

// An AUC in words, with how far it is from `exact`, fp32's, and whether that is
// within what `arithmetic` may cost: 0.0005 for fp32_winograd, 0.003 for bf16,
// 0.01 for int8 and int8_winograd.
std::string JudgeAuc(Arithmetic arithmetic, double auc, double exact);

// `directory` holds the folders train and validation, NAME.jpg in them, and
// train_labels.csv and validation_labels.csv with the columns image_id and
// melanoma (0.0 or 1.0). int8 is calibrated on train. Gives the validation AUC
// of melanoma of each space, the mean of several seeds, judged against the
// first one's.
absl::StatusOr<Facts> AucOfEach(const Backbone& backbone,
                                const std::vector<FeatureSpaceSpec>& spaces,
                                const std::string& directory, int threads);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_ACCURACY_H_
