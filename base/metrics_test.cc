#include "base/metrics.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::SizeIs;

TEST(MetricsTest, ASnapshotHasAllInOrderOfName) {
  Metrics metrics;
  metrics.AddGauge("c_bytes", "Size.").Set(2.5);
  metrics.AddCounter("a_total", "Things.", {{"kind", "x"}}).Add(1);
  metrics.AddCounter("a_total", "Things.", {{"kind", "y"}}).Add(2);
  metrics.AddHistogram("b_seconds", "Time.", {1, 2}).Observe(1.5);
  const std::vector<MetricSnapshot> all = metrics.Snapshot();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[0].name, "a_total");
  EXPECT_EQ(all[0].help, "Things.");
  EXPECT_EQ(all[0].kind, MetricKind::kCounter);
  ASSERT_THAT(all[0].samples, SizeIs(2));
  EXPECT_EQ(all[0].samples[0].labels.at("kind"), "x");
  EXPECT_EQ(all[0].samples[1].value, 2);
  EXPECT_EQ(all[1].name, "b_seconds");
  EXPECT_EQ(all[1].samples[0].histogram.count, 1u);
  EXPECT_EQ(all[2].kind, MetricKind::kGauge);
  EXPECT_EQ(all[2].samples[0].value, 2.5);
}

TEST(MetricsTest, TheSameNameAndLabelsAreTheSameMetric) {
  Metrics metrics;
  Counter& one = metrics.AddCounter("a_total", "Things.", {{"kind", "x"}});
  for (int i = 0; i < 100; ++i) {
    metrics.AddCounter("a_total", "Things.", {{"kind", std::to_string(i)}});
  }
  metrics.AddCounter("a_total", "Things.", {{"kind", "x"}}).Add(3);
  EXPECT_EQ(one.value(), 3);
}

TEST(HistogramTest, ABoundBelongsToItsOwnBucket) {
  Histogram histogram({1, 2, 4});
  for (const double value : {0.5, 1.0, 1.5, 4.0, 5.0}) histogram.Observe(value);
  const Histogram::Counts counts = histogram.counts();
  EXPECT_THAT(counts.cumulative, ElementsAre(2u, 3u, 4u));
  EXPECT_EQ(counts.count, 5u);
  EXPECT_EQ(counts.sum, 12);
}

TEST(HistogramTest, BoundsGrowByAFactor) {
  EXPECT_THAT(
      ExponentialBounds(0.5, 2, 4),
      ElementsAre(DoubleEq(0.5), DoubleEq(1), DoubleEq(2), DoubleEq(4)));
}

TEST(MetricsTest, RefreshesRunBeforeASnapshotUntilTheyAreRemoved) {
  Metrics metrics;
  Gauge& gauge = metrics.AddGauge("a_bytes", "Size.");
  int calls = 0;
  const int id = metrics.AddRefresh([&] { gauge.Set(++calls); });
  EXPECT_EQ(metrics.Snapshot()[0].samples[0].value, 1);
  EXPECT_EQ(metrics.Snapshot()[0].samples[0].value, 2);
  metrics.RemoveRefresh(id);
  EXPECT_EQ(metrics.Snapshot()[0].samples[0].value, 2);
}

TEST(MetricsTest, ARefreshMayAddMetrics) {
  Metrics metrics;
  metrics.AddRefresh([&] { metrics.AddGauge("a_bytes", "Size.").Set(7); });
  EXPECT_EQ(metrics.Snapshot()[0].samples[0].value, 7);
}

TEST(MetricsTest, ManyThreadsLoseNothing) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 1000; ++i) {
        metrics.AddCounter("a_total", "Things.").Add(1);
        metrics.AddHistogram("b_seconds", "Time.", {1}).Observe(0.5);
        if (i % 100 == 0) metrics.Snapshot();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<MetricSnapshot> all = metrics.Snapshot();
  EXPECT_EQ(all[0].samples[0].value, 4000);
  EXPECT_EQ(all[1].samples[0].histogram.count, 4000u);
}

}  // namespace
}  // namespace nevus
