#include "base/metrics.h"

#include <algorithm>
#include <tuple>

namespace nevus {

void Counter::Add(double amount) {
  double before = value_.load(std::memory_order_relaxed);
  while (!value_.compare_exchange_weak(before, before + amount,
                                       std::memory_order_relaxed)) {
  }
}

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), counts_(bounds_.size() + 1, 0) {}

void Histogram::Observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  MutexLock lock(mutex_);
  ++counts_[static_cast<size_t>(bound - bounds_.begin())];
  sum_ += value;
}

Histogram::Counts Histogram::counts() const {
  Counts result;
  result.bounds = bounds_;
  MutexLock lock(mutex_);
  for (const uint64_t count : counts_) {
    result.count += count;
    result.cumulative.push_back(result.count);
  }
  result.cumulative.pop_back();  // beyond the last bound
  result.sum = sum_;
  return result;
}

std::vector<double> ExponentialBounds(double first, double factor, int count) {
  std::vector<double> bounds;
  for (double bound = first; count > 0; --count, bound *= factor) {
    bounds.push_back(bound);
  }
  return bounds;
}

template <typename Metric, typename... Arguments>
Metric& Metrics::Find(std::map<std::string, Family<Metric>>& families,
                      const std::string& name, const std::string& help,
                      const MetricLabels& labels,
                      const Arguments&... arguments) {
  Family<Metric>& family = families[name];
  family.help = help;
  for (auto& [known, metric] : family.members) {
    if (known == labels) return metric;
  }
  family.members.emplace_back(std::piecewise_construct,
                              std::forward_as_tuple(labels),
                              std::forward_as_tuple(arguments...));
  return family.members.back().second;
}

Counter& Metrics::AddCounter(const std::string& name, const std::string& help,
                             const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return Find(counters_, name, help, labels);
}

Gauge& Metrics::AddGauge(const std::string& name, const std::string& help,
                         const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return Find(gauges_, name, help, labels);
}

Histogram& Metrics::AddHistogram(const std::string& name,
                                 const std::string& help,
                                 const std::vector<double>& bounds,
                                 const MetricLabels& labels) {
  MutexLock lock(mutex_);
  return Find(histograms_, name, help, labels, bounds);
}

int Metrics::AddRefresh(std::function<void()> refresh) {
  MutexLock lock(refresh_mutex_);
  refreshes_.emplace(++last_refresh_, std::move(refresh));
  return last_refresh_;
}

void Metrics::RemoveRefresh(int id) {
  MutexLock lock(refresh_mutex_);
  refreshes_.erase(id);
}

std::vector<MetricSnapshot> Metrics::Snapshot() {
  {
    MutexLock lock(refresh_mutex_);
    for (const auto& [id, refresh] : refreshes_) refresh();
  }
  std::vector<MetricSnapshot> snapshots;
  const auto begin = [&](const std::string& name, const std::string& help,
                         MetricKind kind) -> MetricSnapshot& {
    snapshots.push_back({name, help, kind, {}});
    return snapshots.back();
  };
  MutexLock lock(mutex_);
  for (const auto& [name, family] : counters_) {
    MetricSnapshot& snapshot = begin(name, family.help, MetricKind::kCounter);
    for (const auto& [labels, counter] : family.members) {
      snapshot.samples.push_back({labels, counter.value(), {}});
    }
  }
  for (const auto& [name, family] : gauges_) {
    MetricSnapshot& snapshot = begin(name, family.help, MetricKind::kGauge);
    for (const auto& [labels, gauge] : family.members) {
      snapshot.samples.push_back({labels, gauge.value(), {}});
    }
  }
  for (const auto& [name, family] : histograms_) {
    MetricSnapshot& snapshot = begin(name, family.help, MetricKind::kHistogram);
    for (const auto& [labels, histogram] : family.members) {
      snapshot.samples.push_back({labels, 0, histogram.counts()});
    }
  }
  std::sort(snapshots.begin(), snapshots.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return snapshots;
}

}  // namespace nevus
