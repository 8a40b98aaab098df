// Expected values are worked out by hand.
#include "tests/bench/measure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status_matchers.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MedianTest, IsTheMiddleOrTheMeanOfTheTwoMiddleValues) {
  EXPECT_EQ(Median({7}), 7);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({4, 100, 2, 1}), 3);
}

TEST(RunInTurnsTest, WarmsUpOnceAndThenTakesTurns) {
  std::string order;
  int a_runs = 0;
  Lane a{"a", "s", [&]() -> absl::StatusOr<double> {
           order += 'a';
           return ++a_runs;
         }};
  Lane b{"b", "s", [&]() -> absl::StatusOr<double> {
           order += 'b';
           return 10;
         }};
  std::vector<int> done;
  ASSERT_THAT(RunInTurns({&a, &b}, 2,
                         [&](int so_far, int all, const std::string&) {
                           EXPECT_EQ(all, 6);
                           done.push_back(so_far);
                         }),
              IsOk());
  EXPECT_EQ(order, "ababab");
  EXPECT_THAT(a.values, ElementsAre(2, 3));
  EXPECT_THAT(b.values, ElementsAre(10, 10));
  EXPECT_THAT(done, ElementsAre(0, 1, 2, 3, 4, 5, 6));
}

TEST(RunInTurnsTest, StopsAtTheFirstErrorAndNamesItsLane) {
  Lane bad{"import", "s", []() -> absl::StatusOr<double> {
             return absl::DataLossError("no disk");
           }};
  EXPECT_THAT(RunInTurns({&bad}, 2, [](int, int, const std::string&) {}),
              StatusIs(absl::StatusCode::kDataLoss, "import: no disk"));
  EXPECT_TRUE(bad.values.empty());
}

TEST(RatioTest, IsTakenRepeatByRepeatAndJudgedByItsMedian) {
  const std::vector<double> ratios = Divide({10, 30, 20}, {10, 10, 8});
  EXPECT_THAT(ratios, ElementsAre(1, 3, 2.5));
  EXPECT_TRUE((Ratio{"r", ratios, 2.5, {}}.Met()));
  EXPECT_FALSE((Ratio{"r", ratios, 2.6, {}}.Met()));
  EXPECT_TRUE((Ratio{"r", ratios, {}, 2.5}.Met()));
  EXPECT_FALSE((Ratio{"r", ratios, {}, 2.4}.Met()));
}

TEST(ReportTest, ShowsMedianRangeAndVerdictInBothForms) {
  Report report;
  report.lanes = {{"eager", "images/s", nullptr, {12.5, 10, 11}}};
  report.ratios = {{"ours / eager", {2, 3, 2.5}, 2.2, {}},
                   {"lone / alone", {1.3}, {}, 1.2},
                   {"for information", {1}, {}, {}}};
  report.facts = {{"processor", "abacus"}};

  const Table table = ToTable(report);
  ASSERT_EQ(table.rows.size(), 4u);
  EXPECT_THAT(table.rows[0],
              ElementsAre("eager", "11.0", "10.0 to 12.5", "images/s", ""));
  EXPECT_THAT(table.rows[1], ElementsAre("ours / eager", "2.50", "2.00 to 3.00",
                                         "times", "at least 2.2: met"));
  EXPECT_THAT(table.rows[2].back(), HasSubstr("at most 1.2: missed"));
  EXPECT_EQ(table.rows[3].back(), "");

  const Json json = ToJson(report);
  EXPECT_EQ(json["lanes"][0]["median"], 11);
  EXPECT_EQ(json["lanes"][0]["values"].size(), 3u);
  EXPECT_EQ(json["ratios"][0]["met"], true);
  EXPECT_EQ(json["ratios"][1]["at_most"], 1.2);
  EXPECT_EQ(json["ratios"][1]["met"], false);
  EXPECT_FALSE(json["ratios"][2].contains("met"));
  EXPECT_EQ(json["facts"]["processor"], "abacus");
}

}  // namespace
}  // namespace nevus
