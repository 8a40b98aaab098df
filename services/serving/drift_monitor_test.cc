#include "services/serving/drift_monitor.h"

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/status_matchers.h"
#include "compute/evaluation/drift.h"
#include "gtest/gtest.h"
#include "services/runtime/baseline.h"
#include "storage/engine/timestamp.h"
#include "storage/testing/memory_store.h"

namespace nevus {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

class DriftMonitorTest : public testing::Test {
 protected:
  DriftMonitorTest() : store_(PredictionStore::Open(memory_).value()) {
    std::vector<double> scores;
    std::vector<float> features;
    for (int i = 0; i < 500; ++i) {
      scores.push_back(i / 500.0);
      features.push_back(static_cast<float>(i));
    }
    model_.set_name("melanoma");
    model_.set_version(3);
    model_.mutable_space()->set_dimension(1);
    *model_.mutable_baseline() = ToProto(MakeBaseline(scores, features, 1));
  }

  v1::LoggedPrediction Make(int number, double probability) {
    v1::LoggedPrediction prediction;
    prediction.set_prediction_id(std::to_string(number));
    prediction.set_model("melanoma");
    prediction.set_model_version(3);
    prediction.set_image_digest(std::string(64, 'a'));
    prediction.set_probability(probability);
    prediction.set_feature_bins(std::string(1, static_cast<char>(number % 10)));
    *prediction.mutable_predict_time() = TimestampOf(clock_.Now());
    clock_.Advance(absl::Seconds(1));
    return prediction;
  }

  // The gauge as it is; -1 if there is none.
  double ValueOf(const std::string& name, const std::string& of) {
    for (const MetricSnapshot& snapshot : metrics_.Snapshot()) {
      if (snapshot.name != name) continue;
      for (const auto& sample : snapshot.samples) {
        const auto label = sample.labels.find("of");
        if (label == sample.labels.end() || label->second == of) {
          return sample.value;
        }
      }
    }
    return -1;
  }

  MemoryStore memory_;
  FakeClock clock_{kNoon};
  Metrics metrics_;
  const std::unique_ptr<PredictionStore> store_;
  v1::Model model_;
};

TEST_F(DriftMonitorTest, TellsStableFromDrifted) {
  DriftMonitor monitor(*store_, metrics_, clock_, {});
  for (int i = 0; i < 200; ++i) monitor.Add(Make(i, i / 200.0), model_);
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "scores"), 1);
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "features"), 1);
  EXPECT_EQ(ValueOf("nevus_drift_predictions", ""), 200);
  for (int i = 0; i < 400; ++i) monitor.Add(Make(200 + i, 0.99), model_);
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "scores"), 3);
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "features"), 1);
  EXPECT_GT(ValueOf("nevus_drift_psi", "scores"), 0.25);
  EXPECT_GT(ValueOf("nevus_drift_ks", ""), 0.5);
}

TEST_F(DriftMonitorTest, WhatIsOlderThanTheWindowIsForgotten) {
  DriftMonitor monitor(*store_, metrics_, clock_, {});
  for (int i = 0; i < 200; ++i) monitor.Add(Make(i, 0.99), model_);
  clock_.Advance(absl::Hours(8 * 24));
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_predictions", ""), 0);
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "scores"), 0);
}

TEST_F(DriftMonitorTest, WhatWasAnsweredBeforeTheStartCounts) {
  std::vector<PredictionEntry> before;
  for (int i = 0; i < 150; ++i) before.push_back({Make(i, 0.99), ""});
  ASSERT_THAT(store_->Add(before), IsOk());
  DriftMonitor monitor(*store_, metrics_, clock_, {});
  // In the log too, as it would be.
  const v1::LoggedPrediction first = Make(150, 0.99);
  ASSERT_THAT(store_->Add({{first, ""}}), IsOk());
  monitor.Add(first, model_);
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_predictions", ""), 151);
  EXPECT_EQ(ValueOf("nevus_drift_verdict", "scores"), 3);
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_predictions", ""), 151) << "read twice";
}

TEST_F(DriftMonitorTest, MemoryIsBounded) {
  DriftMonitorOptions options;
  options.max_predictions = 120;
  options.max_models = 1;
  DriftMonitor monitor(*store_, metrics_, clock_, options);
  for (int i = 0; i < 500; ++i) monitor.Add(Make(i, 0.5), model_);
  monitor.Refresh();
  EXPECT_EQ(ValueOf("nevus_drift_predictions", ""), 120);
}

TEST_F(DriftMonitorTest, WhoAnsweredLastIsWatched) {
  DriftMonitorOptions options;
  options.max_models = 2;
  DriftMonitor monitor(*store_, metrics_, clock_, options);
  int at = 0;
  for (const int64_t version : {3, 4, 3, 5}) {
    model_.set_version(version);
    monitor.Add(Make(at++, 0.5), model_);
    if (version == 4) monitor.Refresh();
  }
  monitor.Refresh();
  std::map<std::string, double> watched;
  for (const MetricSnapshot& snapshot : metrics_.Snapshot()) {
    if (snapshot.name != "nevus_drift_predictions") continue;
    for (const auto& sample : snapshot.samples) {
      watched[sample.labels.at("model")] = sample.value;
    }
  }
  // 4 left for 5, and its gauge does not stay where it was.
  EXPECT_EQ(watched,
            (std::map<std::string, double>{
                {"melanoma@3", 2}, {"melanoma@4", 0}, {"melanoma@5", 1}}));
}

}  // namespace
}  // namespace nevus
