// Which cases does this one resemble? Exact search among stored features.
//
// feature -> [nearest] -> training cases. Features are compared at length 1, as
// the detector of the unfamiliar does (compute/classifier/ood_detector.h): the
// distance is 0 for the same direction, sqrt(2) for features that share
// nothing. All are read for each search: 100,000 of 512 numbers are 205 MB.
// Knows no label and no store.
#ifndef NEVUS_COMPUTE_EXPLANATION_NEAREST_H_
#define NEVUS_COMPUTE_EXPLANATION_NEAREST_H_

#include <cstddef>
#include <vector>

namespace nevus {

struct Neighbour {
  size_t row = 0;  // of the features given
  double distance = 0;
};

// Immutable, so thread-safe.
class NearestIndex {
 public:
  // `features`: rows x dimension, row by row; they are scaled to length 1, but
  // for those of length 0, which stay. REQUIRES: dimension > 0.
  NearestIndex(std::vector<float> features, int dimension);

  size_t rows() const { return features_.size() / dimension_; }
  size_t bytes() const { return features_.size() * sizeof(float); }

  // The nearest `count` rows, or all if there are fewer, the nearest first; of
  // equals the one of the lower row. `feature`: dimension numbers, finite.
  std::vector<Neighbour> Search(const float* feature, size_t count) const;

 private:
  std::vector<float> features_;
  const size_t dimension_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EXPLANATION_NEAREST_H_
