// Numbers for those who watch a process: counters, gauges and histograms with
// names and labels. Whoever counts registers here and keeps the reference;
// whoever exports takes a snapshot. Knows no noun and no exporter.
//
//   Counter& asked = metrics.AddCounter("nevus_things_total", "Things asked.",
//                                       {{"kind", "small"}});
//   asked.Add(1);
#ifndef NEVUS_BASE_METRICS_H_
#define NEVUS_BASE_METRICS_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace nevus {

// Names and values, in order of name.
using MetricLabels = std::map<std::string, std::string>;

// All three are thread-safe, and cost some nanoseconds.
class Counter {
 public:
  void Add(double amount);  // REQUIRES: amount >= 0
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  // `bounds` rise; an observation belongs to the first that is not below it.
  explicit Histogram(std::vector<double> bounds);

  void Observe(double value);

  struct Counts {
    std::vector<double> bounds;
    std::vector<uint64_t> cumulative;  // of each bound
    uint64_t count = 0;
    double sum = 0;
  };
  Counts counts() const;

 private:
  const std::vector<double> bounds_;
  mutable Mutex mutex_;
  std::vector<uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  double sum_ ABSL_GUARDED_BY(mutex_) = 0;
};

// From `first` on, each `factor` times the one before, `count` of them.
std::vector<double> ExponentialBounds(double first, double factor, int count);

enum class MetricKind { kCounter, kGauge, kHistogram };

// One metric as it is now, with all its label sets.
struct MetricSnapshot {
  struct Sample {
    MetricLabels labels;
    double value = 0;             // of a counter or gauge
    Histogram::Counts histogram;  // of a histogram
  };
  std::string name;
  std::string help;
  MetricKind kind = MetricKind::kGauge;
  std::vector<Sample> samples;
};

// Thread-safe. References stay good as long as this lives.
class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The same name and labels give the same one. REQUIRES: a name is of one
  // kind, matches [a-z_][a-z0-9_]*, and says its unit at the end; labels' names
  // likewise.
  Counter& AddCounter(const std::string& name, const std::string& help,
                      const MetricLabels& labels = {});
  Gauge& AddGauge(const std::string& name, const std::string& help,
                  const MetricLabels& labels = {});
  Histogram& AddHistogram(const std::string& name, const std::string& help,
                          const std::vector<double>& bounds,
                          const MetricLabels& labels = {});

  // Called before each snapshot, one at a time, to set gauges that nobody tells
  // of their changes. REQUIRES: what it reads lives until RemoveRefresh.
  int AddRefresh(std::function<void()> refresh);
  // Returns when it does not run and never will again.
  void RemoveRefresh(int id);

  // In order of name.
  std::vector<MetricSnapshot> Snapshot();

 private:
  template <typename Metric>
  struct Family {
    std::string help;
    // A deque, so that references stay good.
    std::deque<std::pair<MetricLabels, Metric>> members;
  };
  template <typename Metric, typename... Arguments>
  static Metric& Find(std::map<std::string, Family<Metric>>& families,
                      const std::string& name, const std::string& help,
                      const MetricLabels& labels,
                      const Arguments&... arguments);

  Mutex refresh_mutex_;  // held while they run; before mutex_
  std::map<int, std::function<void()>> refreshes_
      ABSL_GUARDED_BY(refresh_mutex_);
  int last_refresh_ ABSL_GUARDED_BY(refresh_mutex_) = 0;
  Mutex mutex_;
  std::map<std::string, Family<Counter>> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Family<Gauge>> gauges_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Family<Histogram>> histograms_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace nevus

#endif  // NEVUS_BASE_METRICS_H_
