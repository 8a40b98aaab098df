#include "tests/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace nevus {
namespace {

// Buckets for each doubling: 2^(1/100) is 0.7 % wide.
constexpr int kBucketsPerDoubling = 100;
constexpr int kDoublings = 36;  // of a microsecond: 19 hours
constexpr double kLeast = 1e-6;

}  // namespace

LatencyHistogram::LatencyHistogram()
    : buckets_(size_t{kBucketsPerDoubling} * kDoublings + 1) {}

void LatencyHistogram::Add(double seconds) {
  const double doublings = std::log2(std::max(seconds, kLeast) / kLeast);
  const auto bucket = static_cast<size_t>(doublings * kBucketsPerDoubling);
  ++buckets_[std::min(bucket, buckets_.size() - 1)];
  ++count_;
}

double LatencyHistogram::Percentile(double share) const {
  const auto wanted =
      static_cast<int64_t>(std::ceil(share * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted && seen > 0) {
      // The bucket's middle.
      return kLeast * std::exp2((static_cast<double>(bucket) + 0.5) /
                                kBucketsPerDoubling);
    }
  }
  return 0;
}

}  // namespace nevus
