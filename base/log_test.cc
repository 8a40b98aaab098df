#include "base/log.h"

#include "gtest/gtest.h"

namespace nevus {
namespace {

TEST(LogTest, AValueCannotForgeALineOrAField) {
  EXPECT_EQ(FormatLogLine(LogFormat::kText, "T", "job.state",
                          {{"job", "j-1"}, {"why", "a\nb c=d"}, {"empty", ""}}),
            "T job.state job=j-1 why=\"a\\u000ab c=d\" empty=\"\"");
}

TEST(LogTest, JsonIsOneObjectALine) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, "T", "e", {{"k", "a\"b\\\n"}}),
            R"({"time":"T","event":"e","k":"a\"b\\\u000a"})");
}

}  // namespace
}  // namespace nevus
