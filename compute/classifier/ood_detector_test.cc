#include "compute/classifier/ood_detector.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/classifier/classifier.h"
#include "compute/classifier/testdata/ood_golden.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::optional<OodDetector> Fit(const std::vector<float>& rows, int inputs) {
  return FitOodDetector(inputs, rows);
}

std::vector<float> NormalRows(int rows, int inputs) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(2, 1);
  std::vector<float> numbers(static_cast<size_t>(rows) * inputs);
  for (float& number : numbers) number = normal(random);
  return numbers;
}

TEST(OodDetectorTest, AgreesWithScikitLearnsLedoitWolf) {
  const OodDetector detector = Fit(kOodRows, kOodInputs).value();
  EXPECT_NEAR(detector.shrinkage, kOodShrinkage, 1e-9);
  for (size_t i = 0; i < kOodDistances.size(); ++i) {
    // Floats of 24 bits, five of them summed.
    EXPECT_NEAR(OodDistance(detector, &kOodProbes[i * kOodInputs]),
                kOodDistances[i], 1e-5);
  }
  EXPECT_THAT(CheckOodDetector(detector), IsOk());
}

TEST(OodDetectorTest, LengthDoesNotCount) {
  const OodDetector detector = Fit(kOodRows, kOodInputs).value();
  std::vector<float> longer(kOodProbes.begin(),
                            kOodProbes.begin() + kOodInputs);
  const double distance = OodDistance(detector, longer.data());
  for (float& number : longer) number *= 8;  // exact in binary
  EXPECT_EQ(OodDistance(detector, longer.data()), distance);
}

TEST(OodDetectorTest, RowsThatFillNoBlockCountLikeOthers) {
  // 64 rows are a block: the same rows twice have the same covariance, and so
  // the same distances but for a shrinkage that falls with the rows.
  for (const int rows : {63, 64, 65, 200}) {
    SCOPED_TRACE(rows);
    const std::vector<float> once = NormalRows(rows, 3);
    const OodDetector detector = Fit(once, 3).value();
    // By definition: the mean over the rows of distance^2 is the trace of
    // shrunk^-1 covariance, which is p less what shrinking takes.
    double squares = 0;
    for (int i = 0; i < rows; ++i) {
      const double distance = OodDistance(detector, &once[i * 3]);
      squares += distance * distance / rows;
    }
    EXPECT_LT(squares, 3);
    EXPECT_GT(squares, 3 * (1 - detector.shrinkage) - 0.5);
  }
}

TEST(OodDetectorTest, AnInputThatNeverVariedIsNoDivisionByZero) {
  std::vector<float> rows = NormalRows(3000, 4);
  for (size_t i = 0; i < rows.size(); i += 4) rows[i] = 0;
  const OodDetector detector = Fit(rows, 4).value();
  const std::vector<float> same(rows.begin(), rows.begin() + 4);
  std::vector<float> other = same;
  other[0] = 2;
  EXPECT_LT(OodDistance(detector, same.data()), 6);
  EXPECT_GT(OodDistance(detector, other.data()), 20);
  EXPECT_TRUE(std::isfinite(OodDistance(detector, other.data())));
}

TEST(OodDetectorTest, FewerRowsThanInputsAreEnough) {
  const std::vector<float> rows = NormalRows(6, 40);
  const OodDetector detector = Fit(rows, 40).value();
  EXPECT_THAT(CheckOodDetector(detector), IsOk());
  EXPECT_GT(detector.shrinkage, 0);
}

TEST(OodDetectorTest, WithoutSpreadThereIsNoDetector) {
  EXPECT_FALSE(Fit({1, 2}, 2).has_value());
  EXPECT_FALSE(Fit({1, 2, 1, 2, 1, 2}, 2).has_value());
  EXPECT_FALSE(Fit({0, 0, 0, 0}, 2).has_value());
  EXPECT_FALSE(
      Fit(NormalRows(2, kMostOodInputs + 1), kMostOodInputs + 1).has_value());
}

TEST(OodDetectorTest, NothingAndNonsenseAreNotFamiliar) {
  Classifier classifier;
  classifier.head.inputs = kOodInputs;
  classifier.head.mean.resize(kOodInputs);
  classifier.head.inverse_std.resize(kOodInputs, 1);
  classifier.head.w2.resize(kOodInputs, 1);
  std::vector<float> feature(kOodRows.begin(), kOodRows.begin() + kOodInputs);
  EXPECT_FALSE(Judge(classifier, feature.data()).out_of_distribution);
  classifier.ood = Fit(kOodRows, kOodInputs).value();
  classifier.ood->threshold = OodDistance(*classifier.ood, feature.data());
  // At the threshold is not above it.
  EXPECT_FALSE(Judge(classifier, feature.data()).out_of_distribution);
  const std::vector<float> zeros(kOodInputs);
  EXPECT_GT(OodDistance(*classifier.ood, zeros.data()), 5);
  feature[2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(Judge(classifier, feature.data()).out_of_distribution);
  feature[2] = std::numeric_limits<float>::infinity();
  EXPECT_TRUE(Judge(classifier, feature.data()).out_of_distribution);
}

TEST(OodDetectorTest, TheSampleIsAllOrEvenlySpaced) {
  EXPECT_TRUE(OodSample(0).empty());
  EXPECT_EQ(OodSample(3), (std::vector<int64_t>{0, 1, 2}));
  const std::vector<int64_t> sample = OodSample(25000);
  ASSERT_EQ(sample.size(), 10000u);
  EXPECT_EQ(sample[1], 2);  // 2.5 and 5 of 25,000
  EXPECT_EQ(sample[2], 5);
  EXPECT_EQ(sample.back(), 24997);
}

TEST(OodDetectorTest, TheThresholdLeavesTheStatedShareAbove) {
  std::vector<double> distances;
  for (int i = 1; i <= 150; ++i) distances.push_back((i * 37) % 151);
  EXPECT_EQ(OodThreshold(distances, 0.02), 147);  // 148, 149, 150 are above
  EXPECT_EQ(OodThreshold(distances, 0), 150);
  EXPECT_EQ(OodThreshold({3, 1, 2}, 0.02), 3);  // 2 % of three is none
}

TEST(OodDetectorTest, ADetectorThatWasReadIsChecked) {
  OodDetector detector = Fit(kOodRows, kOodInputs).value();
  detector.whitening.pop_back();
  EXPECT_THAT(CheckOodDetector(detector),
              StatusIs(absl::StatusCode::kInvalidArgument, "whitening"));
  detector.whitening.push_back(NAN);
  EXPECT_EQ(ReasonOf(CheckOodDetector(detector)), "OOD_DETECTOR_INVALID");
  detector.inputs = 0;
  EXPECT_THAT(CheckOodDetector(detector),
              StatusIs(absl::StatusCode::kInvalidArgument, "inputs"));
}

}  // namespace
}  // namespace nevus
