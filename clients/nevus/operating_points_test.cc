#include "clients/nevus/operating_points.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(OperatingPointsTest, EachRuleIsReadAndTheOrderKept) {
  const auto rules = ParseOperatingPoints(
      {"screening:sensitivity=0.95", "biopsy:specificity=0.9", "triage:cost=10",
       "balanced:youden"});
  ASSERT_THAT(rules, IsOk());
  ASSERT_EQ(rules->size(), 4);
  EXPECT_EQ(rules->Get(0).name(), "screening");
  EXPECT_EQ(rules->Get(0).sensitivity(), 0.95);
  EXPECT_EQ(rules->Get(1).specificity(), 0.9);
  EXPECT_EQ(rules->Get(2).cost_ratio(), 10);
  EXPECT_TRUE(rules->Get(3).youden());
  EXPECT_EQ(rules->Get(3).name(), "balanced");
  EXPECT_TRUE(ParseOperatingPoints({}).value().empty());
}

TEST(OperatingPointsTest, WhatIsNoRuleIsAnsweredWithExamples) {
  for (const char* text :
       {"", "screening", "screening:", "screening:sensitivity",
        "screening:sensitivity=", "screening:sensitivity=high",
        "screening:accuracy=0.9", "screening:youden=1"}) {
    const absl::Status status = ParseOperatingPoints({text}).status();
    EXPECT_EQ(ReasonOf(status), "USAGE") << text;
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument,
                                 "screening:sensitivity=0.95"));
  }
}

}  // namespace
}  // namespace nevus
