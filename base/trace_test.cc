#include "base/trace.h"

#include <string>
#include <thread>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// The example of https://www.w3.org/TR/trace-context/, 3.2.
const std::string kExample =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceparentTest, ReadsTheSpecificationsExample) {
  const auto trace = ParseTraceparent(kExample);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(trace->parent_id, "00f067aa0ba902b7");
  EXPECT_EQ(trace->flags, "01");
  EXPECT_EQ(FormatTraceparent(*trace, trace->parent_id), kExample);
}

TEST(TraceparentTest, ALaterVersionIsReadAsFarAsItIsKnown) {
  EXPECT_TRUE(ParseTraceparent("cc" + kExample.substr(2)).has_value());
  EXPECT_TRUE(
      ParseTraceparent("cc" + kExample.substr(2) + "-what-comes").has_value());
  EXPECT_FALSE(ParseTraceparent("cc" + kExample.substr(2) + "x").has_value());
  // What we send is version 00.
  const auto trace = ParseTraceparent("cc" + kExample.substr(2));
  EXPECT_EQ(FormatTraceparent(*trace, trace->parent_id), kExample);
}

TEST(TraceparentTest, WhatTheSpecificationForbidsIsNone) {
  const std::string zeros(32, '0');
  for (const std::string& bad : {
           std::string(),
           std::string("00"),
           kExample.substr(0, 54),
           kExample + "-01",
           "ff" + kExample.substr(2),
           "0g" + kExample.substr(2),
           "00-" + zeros + kExample.substr(35),
           kExample.substr(0, 36) + zeros.substr(0, 16) + "-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01" +
               std::string(),
           "00_" + kExample.substr(3),
           kExample.substr(0, 35) + "_" + kExample.substr(36),
           kExample.substr(0, 52) + "_" + kExample.substr(53),
           kExample.substr(0, 53) + "0x",
       }) {
    EXPECT_FALSE(ParseTraceparent(bad).has_value()) << bad;
  }
}

TEST(CurrentTraceTest, IsOfItsThreadAlone) {
  SetCurrentTrace(ParseTraceparent(kExample));
  std::thread([] { EXPECT_FALSE(CurrentTrace().has_value()); }).join();
  EXPECT_TRUE(CurrentTrace().has_value());
  SetCurrentTrace(std::nullopt);
  EXPECT_FALSE(CurrentTrace().has_value());
}

}  // namespace
}  // namespace nevus
