// `nevus bench soak` at its smallest, in a process of its own: it forks before
// any thread is made.
#include <sstream>
#include <string>

#include "clients/nevus/context.h"
#include "clients/nevus/output.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bench/commands.h"

namespace nevus {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SoakBenchTest, GrowthIsMeasuredBehindTheWarmUp) {
  std::ostringstream out, err;
  ASSERT_EQ(RunCommandLine(BenchTable(),
                           {"bench", "soak", "--count", "1016", "--threads",
                            "1", "--precision", "fp32", "--output", "json"},
                           Terminal{out, err, false, ""}),
            0)
      << err.str();
  const Json json = Json::parse(out.str());
  const Json& facts = json["facts"];
  EXPECT_THAT(std::string(facts["growth"]),
              AllOf(HasSubstr("from image 1000 ("), HasSubstr("to 1016 (")));
  EXPECT_EQ(json["ratios"][1]["name"], "growth / 50 MB");
  EXPECT_EQ(json["ratios"][1]["met"], true) << json["ratios"];
  // tools/bench keeps ratios by these.
  for (const char* fact : {"processor", "instruction sets", "threads"}) {
    EXPECT_TRUE(facts.contains(fact)) << fact << " is not in " << facts;
  }
}

TEST(SoakBenchTest, TheWarmUpAloneIsWrongUsage) {
  std::ostringstream out, err;
  EXPECT_EQ(RunCommandLine(BenchTable(), {"bench", "soak", "--count", "1000"},
                           Terminal{out, err, false, ""}),
            2);
  EXPECT_THAT(err.str(), HasSubstr("--count 1000 leaves none to measure"));
}

}  // namespace
}  // namespace nevus
