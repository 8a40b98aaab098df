#include "base/log.h"

#include "base/trace.h"
#include "gmock/gmock.h"
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

TEST(LogTest, ALineOfATraceSaysSo) {
  SetCurrentTrace(ParseTraceparent(
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
  testing::internal::CaptureStderr();
  Log("a.thing").With("k", 1);
  SetCurrentTrace(std::nullopt);
  Log("b.thing");
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_THAT(lines,
              testing::HasSubstr(
                  "a.thing k=1 trace_id=4bf92f3577b34da6a3ce929d0e0e4736\n"));
  EXPECT_THAT(lines, testing::EndsWith("b.thing\n"));
}

}  // namespace
}  // namespace nevus
