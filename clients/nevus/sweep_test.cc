#include "clients/nevus/sweep.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

TEST(SweepTest, ListsAndRangesKeepTheirOrder) {
  const auto sweep = ParseSweep({"hidden=256,0,64", "seed=1..3,9"});
  ASSERT_THAT(sweep, IsOk());
  EXPECT_THAT(sweep->hidden(), ElementsAre(256, 0, 64));
  EXPECT_THAT(sweep->seed(), ElementsAre(1u, 2u, 3u, 9u));
  EXPECT_EQ(Combinations(*sweep), 12);
  EXPECT_EQ(Combinations(v1::Sweep()), 1);
}

TEST(SweepTest, TheLargestValuesAreTaken) {
  const auto sweep = ParseSweep(
      {"hidden=4096", "seed=18446744073709551614..18446744073709551615"});
  ASSERT_THAT(sweep, IsOk());
  EXPECT_THAT(sweep->seed(),
              ElementsAre(18446744073709551614u, 18446744073709551615u));
  EXPECT_THAT(ParseSweep({"seed=1..1000"}), IsOk());
}

TEST(SweepTest, MistakesAreUsageErrorsThatSayWhatIsRight) {
  const struct {
    std::vector<std::string> texts;
    const char* message;
  } kCases[] = {
      {{"hidden"}, "is not NAME=VALUES; write --sweep hidden=0,64,256"},
      {{"lr=1"}, "knows hidden and seed, not \"lr\""},
      {{"seed="}, "takes whole numbers from 0 and ranges"},
      {{"seed=1,,2"}, "it was given \"\""},
      {{"seed=-1"}, "it was given \"-1\""},
      {{"seed=1.5"}, "it was given \"1.5\""},
      {{"seed=1..x"}, "it was given \"x\""},
      {{"hidden=4097"}, "from 0 to 4096"},
      {{"seed=5..1"}, "goes down; write 1..5"},
      {{"seed=1..3,2"}, "has 2 twice"},
      {{"seed=1", "seed=2"}, "is given twice"},
      {{"seed=1..1001"}, "the most is 1000"},
      {{"seed=0..18446744073709551615"}, "the most is 1000"},
      {{"hidden=0,1,2", "seed=1..334"}, "1002 classifiers"}};
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.texts[0]);
    const auto sweep = ParseSweep(c.texts);
    EXPECT_THAT(sweep, StatusIs(absl::StatusCode::kInvalidArgument, c.message));
    EXPECT_EQ(ReasonOf(sweep.status()), "USAGE");
  }
}

}  // namespace
}  // namespace nevus
