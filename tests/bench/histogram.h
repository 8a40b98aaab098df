// A histogram of durations, of which percentiles are read: an average hides
// what the slowest calls took. Buckets grow with the value, after Gil Tene's
// HdrHistogram: no value is further than 1 % from what is read back, from a
// microsecond to hours, in 30 KB. Knows no clock.
#ifndef NEVUS_TESTS_BENCH_HISTOGRAM_H_
#define NEVUS_TESTS_BENCH_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nevus {

// Thread-compatible.
class LatencyHistogram {
 public:
  LatencyHistogram();
  void Add(double seconds);
  int64_t count() const { return count_; }
  // In seconds: what at least `share` of the values do not exceed. 0 if there
  // are none. REQUIRES: 0 < share <= 1.
  double Percentile(double share) const;

 private:
  std::vector<int64_t> buckets_;
  int64_t count_ = 0;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_HISTOGRAM_H_
