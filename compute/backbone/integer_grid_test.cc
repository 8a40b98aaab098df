#include "compute/backbone/integer_grid.h"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

Layer Make(const std::string& name, Op op, std::vector<int> inputs,
           bool relu = false) {
  Layer layer;
  layer.name = name;
  layer.op = op;
  layer.inputs = std::move(inputs);
  layer.relu = relu;
  return layer;
}

TEST(PlanGridsTest, AChainBehindReluUsesAllOfAByte) {
  const auto grids = PlanGrids(
      {Make("a", Op::kConvolution, {kImage}, true),
       Make("b", Op::kConvolution, {0}, true), Make("c", Op::kMaxPool, {1})},
      {{"a", 2.55f}, {"b", 510}, {"c", 510}});
  ASSERT_THAT(grids, IsOk());
  EXPECT_FALSE((*grids)[0].is_signed);
  EXPECT_FLOAT_EQ((*grids)[0].step, 0.01f);
  EXPECT_FLOAT_EQ((*grids)[1].step, 2);
  EXPECT_FLOAT_EQ((*grids)[2].step, 2);
}

TEST(PlanGridsTest, WhatMeetsInAConcatenationSharesItsGrid) {
  const auto grids = PlanGrids(
      {Make("a", Op::kConvolution, {kImage}, true),
       Make("b", Op::kConvolution, {0}, true), Make("c", Op::kAveragePool, {0}),
       Make("d", Op::kConcat, {1, 2}), Make("e", Op::kConvolution, {3}, true)},
      {{"a", 1}, {"b", 255}, {"c", 1}, {"d", 255}, {"e", 51}});
  ASSERT_THAT(grids, IsOk());
  for (int i : {0, 1, 2, 3}) EXPECT_FLOAT_EQ((*grids)[i].step, 1) << i;
  EXPECT_FLOAT_EQ((*grids)[4].step, 0.2f);
}

TEST(PlanGridsTest, WhatMayBeNegativeIsSigned) {
  const auto grids = PlanGrids(
      {Make("a", Op::kConvolution, {kImage}), Make("b", Op::kMaxPool, {0}),
       Make("c", Op::kAdd, {1, 1}, true)},
      {{"a", 127}, {"b", 100}, {"c", 255}});
  ASSERT_THAT(grids, IsOk());
  EXPECT_TRUE((*grids)[0].is_signed);
  EXPECT_TRUE((*grids)[1].is_signed);
  EXPECT_FLOAT_EQ((*grids)[1].step, 1);
  EXPECT_FALSE((*grids)[2].is_signed);
  EXPECT_FLOAT_EQ((*grids)[2].step, 1);
}

TEST(PlanGridsTest, ALayerThatIsNeverLitHasSomeGrid) {
  const auto grids =
      PlanGrids({Make("a", Op::kConvolution, {kImage}, true)}, {{"a", 0}});
  ASSERT_THAT(grids, IsOk());
  EXPECT_EQ((*grids)[0].step, 1);
}

TEST(PlanGridsTest, AMissingRangeIsNamed) {
  const Layers layers = {Make("a", Op::kConvolution, {kImage}),
                         Make("b", Op::kMaxPool, {0})};
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Calibration& calibration :
       {Calibration{{"a", 1}}, Calibration{{"a", 1}, {"b", infinity}},
        Calibration{{"a", 1}, {"b", -1}}}) {
    const auto grids = PlanGrids(layers, calibration);
    EXPECT_THAT(grids.status(),
                StatusIs(absl::StatusCode::kInvalidArgument, "layer b has "));
    EXPECT_EQ(ReasonOf(grids.status()), "CALIBRATION_MISSING");
  }
}

TEST(WeightStepsTest, EachChannelHasItsOwn) {
  const Tensor weight{{3, 1, 1, 2}, {127, -254, 0, 0, -1.27f, 1}};
  const std::vector<float> steps = WeightSteps(weight);
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_FLOAT_EQ(steps[0], 2);
  EXPECT_FLOAT_EQ(steps[1], 1);
  EXPECT_FLOAT_EQ(steps[2], 0.01f);
}

}  // namespace
}  // namespace nevus
