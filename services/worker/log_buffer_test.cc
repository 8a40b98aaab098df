#include "services/worker/log_buffer.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Says "1", "2", ... as lines 1, 2, ...
void Say(LogBuffer& log, int from, int to) {
  for (int i = from; i <= to; ++i) log.Add(std::to_string(i));
}

TEST(LogBufferTest, GivesLinesInOrderWithTheirNumbersUntilTheyAreSettled) {
  LogBuffer log;
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(log.Next().lines.empty());
  Say(log, 1, 3);
  EXPECT_EQ(log.Next().first, 1);
  EXPECT_THAT(log.Next().lines, ElementsAre("1", "2", "3"));
  // Nobody answered: the same again, with what came since.
  Say(log, 4, 4);
  EXPECT_EQ(log.Next().first, 1);
  EXPECT_EQ(log.Next().last(), 4);
  log.Settle(3);
  EXPECT_EQ(log.Next().first, 4);
  EXPECT_THAT(log.Next().lines, ElementsAre("4"));
  EXPECT_FALSE(log.empty());
  log.Settle(4);
  EXPECT_TRUE(log.empty());
  Say(log, 5, 5);
  EXPECT_EQ(log.Next().first, 5);
}

TEST(LogBufferTest, AHeartbeatTakesAHundred) {
  LogBuffer log;
  Say(log, 1, 250);
  std::vector<int64_t> sizes;
  while (!log.empty()) {
    const LogBuffer::Batch batch = log.Next();
    EXPECT_EQ(batch.lines.front(), std::to_string(batch.first));
    sizes.push_back(batch.lines.size());
    log.Settle(batch.last());
  }
  EXPECT_THAT(sizes, ElementsAre(100, 100, 50));
}

TEST(LogBufferTest, AFullBufferDropsTheOldestAndSaysHowMany) {
  LogBuffer log;
  Say(log, 1, 1030);
  const LogBuffer::Batch batch = log.Next();
  // 1 to 30 are gone; line 30 is what tells of it.
  EXPECT_EQ(batch.first, 30);
  EXPECT_THAT(batch.lines[0], HasSubstr("30 lines"));
  EXPECT_EQ(batch.lines[1], "31");
  EXPECT_EQ(batch.lines.size(), 100u);
  EXPECT_EQ(batch.last(), 129);
  log.Settle(batch.last());
  EXPECT_EQ(log.Next().first, 130);
  EXPECT_EQ(log.Next().lines[0], "130");
}

TEST(LogBufferTest, LinesThatWereSettledLateDoNotCountAsDropped) {
  LogBuffer log;
  Say(log, 1, 1000);
  const LogBuffer::Batch sent = log.Next();  // 1 to 100
  Say(log, 1001, 1120);                      // drops 1 to 120
  log.Settle(sent.last());                   // its answer comes only now
  EXPECT_EQ(log.Next().first, 120);
  EXPECT_THAT(log.Next().lines[0], HasSubstr("20 lines"));
}

TEST(CleanLineTest, MakesOneLineOfValidUtf8OfLimitedLength) {
  const struct {
    std::string line, clean;
  } cases[] = {
      {"", ""},
      {"32 images", "32 images"},
      {"two\nlines\ttab\x7f", "two lines tab "},
      {"n\xC3\xA4vus \xE2\x82\xAC \xF0\x9F\x98\x80",
       "n\xC3\xA4vus \xE2\x82\xAC \xF0\x9F\x98\x80"},
      // Cut off, alone, overlong, a surrogate, beyond the last character.
      {"a\xC3", "a?"},
      {"\x80z", "?z"},
      {"\xC0\xAF", "??"},
      {"\xE0\x80\xAF", "???"},
      {"\xED\xA0\x80", "???"},
      {"\xF4\x90\x80\x80", "????"},
      {"\xFF\xFE", "??"},
      {std::string(2000, 'x'), std::string(1024, 'x')},
      // No character is cut in two.
      {std::string(1023, 'x') + "\xC3\xA4", std::string(1023, 'x')},
      {std::string(1022, 'x') + "\xC3\xA4",
       std::string(1022, 'x') + "\xC3\xA4"},
  };
  for (const auto& c : cases) EXPECT_EQ(CleanLine(c.line), c.clean);
}

}  // namespace
}  // namespace nevus
