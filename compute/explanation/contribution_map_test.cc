#include "compute/explanation/contribution_map.h"

#include <cstddef>
#include <numeric>
#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "compute/feature/pooling.h"
#include "compute/feature/views.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

class ContributionMapTest : public ::testing::Test {
 protected:
  float Normal() { return normal_(random_); }

  std::vector<float> Numbers(size_t count) {
    std::vector<float> numbers(count);
    for (float& number : numbers) number = Normal();
    return numbers;
  }

  Head RandomHead(int inputs, int hidden) {
    Head head;
    head.inputs = inputs;
    head.hidden = hidden;
    head.mean = Numbers(inputs);
    for (int i = 0; i < inputs; ++i) {
      head.inverse_std.push_back(1 + 0.1f * (i % 7));
    }
    head.w1 = Numbers(size_t{1} * inputs * hidden);
    head.b1 = Numbers(hidden);
    head.w2 = Numbers(hidden > 0 ? hidden : inputs);
    head.b2 = Normal();
    EXPECT_THAT(CheckHead(head), IsOk());
    return head;
  }

  static double Sum(const ContributionMap& map) {
    return std::accumulate(map.contributions.begin(), map.contributions.end(),
                           map.base);
  }

  std::mt19937 random_{2016};
  std::normal_distribution<float> normal_;
};

constexpr Pooling kPoolings[] = {Pooling::kAverage, Pooling::kMax,
                                 Pooling::kFlatten};

TEST_F(ContributionMapTest, TheGradientIsThatOfFiniteDifferences) {
  const Head head = RandomHead(12, 9);
  std::vector<float> feature = Numbers(12);
  const std::vector<float> gradient = LogitGradient(head, feature.data());
  for (size_t i = 0; i < feature.size(); ++i) {
    const float middle = feature[i];
    constexpr float kStep = 1e-3f;  // far from a kink for this seed
    feature[i] = middle + kStep;
    const double above = Logit(head, feature.data());
    feature[i] = middle - kStep;
    const double below = Logit(head, feature.data());
    feature[i] = middle;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 5e-3);
  }
}

TEST_F(ContributionMapTest, WithoutAHiddenLayerTheBaseIsTheBias) {
  // logit = b2 + sum of w2 (feature - mean) inverse_std: so nothing but b2 may
  // be left over, whatever the pooling.
  const Cut cut{"c", 5, 3, 4};
  for (const Pooling pooling : kPoolings) {
    const std::vector<float> activation = Numbers(5 * 3 * 4);
    const int inputs = FeatureDimension(cut, pooling);
    const Head head = RandomHead(inputs, 0);
    std::vector<float> feature(inputs);
    Pool(activation.data(), cut, pooling, feature.data());
    const ContributionMap map =
        MapContributions(head, {activation}, feature.data(), cut, pooling);
    EXPECT_EQ(map.width, 4);
    EXPECT_EQ(map.height, 3);
    EXPECT_NEAR(map.base, head.b2, 1e-4) << PoolingName(pooling);
    EXPECT_NEAR(Sum(map), Logit(head, feature.data()), 1e-4);
  }
}

TEST_F(ContributionMapTest, WithAllUnitsOnTheBaseIsTheAverageImagesLogit) {
  const Cut cut{"c", 6, 2, 2};
  for (const Pooling pooling : kPoolings) {
    const std::vector<float> activation = Numbers(6 * 2 * 2);
    const int inputs = FeatureDimension(cut, pooling);
    Head head = RandomHead(inputs, 7);
    for (float& bias : head.b1) bias = 500;  // linear all the way
    std::vector<float> feature(inputs);
    Pool(activation.data(), cut, pooling, feature.data());
    const ContributionMap map =
        MapContributions(head, {activation}, feature.data(), cut, pooling);
    EXPECT_NEAR(map.base, Logit(head, head.mean.data()), 2e-2);
  }
}

TEST_F(ContributionMapTest, OfEightViewsTheBaseIsTheBiasToo) {
  const Cut cut{"c", 5, 3, 3};
  for (const Pooling pooling : kPoolings) {
    const int inputs = FeatureDimension(cut, pooling);
    const Head head = RandomHead(inputs, 0);
    std::vector<std::vector<float>> activations;
    std::vector<float> pooled(size_t{8} * inputs), feature(inputs);
    for (int view = 0; view < 8; ++view) {
      activations.push_back(Numbers(5 * 3 * 3));
      Pool(activations.back().data(), cut, pooling, &pooled[view * inputs]);
    }
    MeanOfViews(pooled.data(), 8, inputs, feature.data());
    const ContributionMap map =
        MapContributions(head, activations, feature.data(), cut, pooling);
    EXPECT_NEAR(map.base, head.b2, 1e-4) << PoolingName(pooling);
    EXPECT_NEAR(Sum(map), Logit(head, feature.data()), 1e-4);
  }
}

// Of one channel: the logit is the feature.
Head HeadOfWeightOne() {
  Head head;
  head.inputs = 1;
  head.mean = {0};
  head.inverse_std = {1};
  head.w2 = {1};
  return head;
}

TEST_F(ContributionMapTest, EachViewIsTurnedBack) {
  // One channel, weight 1; a network that moves along with the image finds the
  // spot at row 0, column 1 wherever a view has it.
  const Cut cut{"c", 1, 3, 3};
  std::vector<float> upright(9);
  upright[1] = 9;
  std::vector<std::vector<float>> activations(8, std::vector<float>(9));
  for (int view = 0; view < 8; ++view) {
    MakeView(upright.data(), 1, 3, view, activations[view].data());
  }
  const Head head = HeadOfWeightOne();
  for (const Pooling pooling : {Pooling::kAverage, Pooling::kMax}) {
    float feature = 0;
    Pool(upright.data(), cut, pooling, &feature);
    const ContributionMap map =
        MapContributions(head, activations, &feature, cut, pooling);
    for (size_t i = 0; i < 9; ++i) {
      EXPECT_EQ(map.contributions[i], i == 1 ? feature : 0) << i;
    }
  }
}

TEST_F(ContributionMapTest, WhatSpeaksForItStandsWhereItIs) {
  // One channel, weight 1; a spot at row 1, column 2 of an average image of 0.
  const Cut cut{"c", 1, 3, 3};
  std::vector<float> activation(9);
  activation[5] = 9;
  const Head head = HeadOfWeightOne();
  for (const Pooling pooling : {Pooling::kAverage, Pooling::kMax}) {
    float feature = 0;
    Pool(activation.data(), cut, pooling, &feature);
    const ContributionMap map =
        MapContributions(head, {activation}, &feature, cut, pooling);
    for (size_t i = 0; i < 9; ++i) {
      EXPECT_EQ(map.contributions[i], i == 5 ? feature : 0);
    }
  }
}

}  // namespace
}  // namespace nevus
