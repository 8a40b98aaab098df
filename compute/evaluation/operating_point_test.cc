#include "compute/evaluation/operating_point.h"

#include <limits>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

std::vector<OperatingPoint> Chosen(const std::vector<Scored>& scored) {
  absl::StatusOr<std::vector<OperatingPoint>> points =
      ChooseOperatingPoints(scored);
  EXPECT_THAT(points, IsOk());
  return points.ok() ? *points : std::vector<OperatingPoint>(2);
}

TEST(OperatingPointTest, YoudenMaximisesSensitivityPlusSpecificity) {
  // Threshold: sensitivity + specificity. 0.9: 1/2 + 1; 0.6: 1/2 + 2/3;
  // 0.5: 1 + 2/3 (the greatest); 0.4: 1 + 1/3; 0.1: 1 + 0.
  const auto points = Chosen(
      {{0.9, true}, {0.5, true}, {0.6, false}, {0.4, false}, {0.1, false}});
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].name, "youden");
  EXPECT_EQ(points[0].threshold, 0.5);
}

TEST(OperatingPointTest, YoudensTiesGoToTheHigherSensitivity) {
  // 0.9: 1/2 + 1 and 0.5: 1 + 1/2 are equal.
  EXPECT_EQ(Chosen({{0.9, true}, {0.6, false}, {0.5, true}, {0.4, false}})[0]
                .threshold,
            0.5);
  // A classifier that knows nothing: one threshold, everyone is positive.
  EXPECT_EQ(Chosen({{0.5, true}, {0.5, false}})[0].threshold, 0.5);
}

TEST(OperatingPointTest, ExactlyNineteenOfTwentyIsASensitivityOf95Percent) {
  std::vector<Scored> scored = {{0.05, false}};
  for (int i = 1; i <= 20; ++i) scored.push_back({i / 100.0, true});
  const auto points = Chosen(scored);
  EXPECT_EQ(points[1].name, "sensitivity_95");
  EXPECT_EQ(points[1].threshold, 0.02);  // 0.02 to 0.20 are nineteen.
}

TEST(OperatingPointTest, OneClassOrABadScoreIsRefused) {
  EXPECT_THAT(ChooseOperatingPoints({{0.5, true}}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "1 positive and 0 negative"));
  EXPECT_THAT(ChooseOperatingPoints({}),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "0 positive and 0 negative"));
  const absl::Status bad =
      ChooseOperatingPoints(
          {{0.5, true}, {std::numeric_limits<double>::quiet_NaN(), false}})
          .status();
  EXPECT_THAT(bad,
              StatusIs(absl::StatusCode::kInvalidArgument, "row 1 is nan"));
  EXPECT_EQ(ReasonOf(bad), "BAD_SCORE");
}

}  // namespace
}  // namespace nevus
