// Where a training's features come from when they do not fit into memory: a
// place that gives any of them by its number.
//
// feature -> [training] -> model. compute reads no disk: who starts a training
// says how rows are read.
#ifndef NEVUS_COMPUTE_CLASSIFIER_FEATURE_ROWS_H_
#define NEVUS_COMPUTE_CLASSIFIER_FEATURE_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace nevus {

// Thread-safe.
class FeatureRows {
 public:
  virtual ~FeatureRows() = default;

  // Writes the features numbered rows[0] to rows[count - 1] to `to`, one after
  // the other. The same number gives the same bits each time.
  virtual absl::Status Read(const int64_t* rows, size_t count,
                            float* to) const = 0;

  // Read will soon be asked for these. May do nothing.
  virtual void Expect(const int64_t* rows, size_t count) const = 0;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_CLASSIFIER_FEATURE_ROWS_H_
