// Can these rows teach or judge a classifier? Pure. Asked when a job is
// submitted, so that the user hears at once what a worker would find later.
#ifndef NEVUS_SERVICES_TRAINING_SPLIT_CHECK_H_
#define NEVUS_SERVICES_TRAINING_SPLIT_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "protos/nevus/v1/dataset.pb.h"

namespace nevus {

// The label rule: an example is positive if it has the positive label, and
// negative with any other.
bool IsPositive(const v1::Example& example, const std::string& positive);

// The rows of one split.
std::vector<v1::Example> RowsOf(const std::vector<v1::Example>& examples,
                                v1::Split split);

// The rows of one split without those whose image also stands, under another
// id, in a later one (train before validation before test): an image that
// judges is not learned from. Ids of what is left out are added to `left_out`.
// `examples` are the rows of all splits.
std::vector<v1::Example> LearnableRows(const std::vector<v1::Example>& examples,
                                       v1::Split split,
                                       std::vector<std::string>& left_out);

// The rows' images, in order.
std::vector<std::string> ImagesOf(const std::vector<v1::Example>& examples);

// INVALID_ARGUMENT (LABEL_UNKNOWN, listing the labels there are) unless an
// example has the label.
absl::Status CheckLabelOccurs(const std::vector<v1::Example>& examples,
                              const std::string& positive);

// `examples` are the rows of `split` in `dataset` ("isic@1").
// FAILED_PRECONDITION: there are none (SPLIT_EMPTY), or all are positive or
// none is (CLASS_MISSING); metadata `split`.
absl::Status CheckBothClasses(const std::string& dataset, v1::Split split,
                              const std::vector<v1::Example>& examples,
                              const std::string& positive);

}  // namespace nevus

#endif  // NEVUS_SERVICES_TRAINING_SPLIT_CHECK_H_
