#include "clients/nevus/job_display.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedrawTest, NewLinesTakeThePlaceOfTheOldOnes) {
  EXPECT_EQ(Redraw(0, {"a", "b"}), "a\x1b[K\nb\x1b[K\n");
  EXPECT_EQ(Redraw(2, {"a", "b", "c"}), "\x1b[2A\ra\x1b[K\nb\x1b[K\nc\x1b[K\n");
  // What is left over is cleared.
  EXPECT_EQ(Redraw(3, {"a"}), "\x1b[3A\ra\x1b[K\n\x1b[J");
  EXPECT_EQ(Redraw(0, {}), "");
}

v1::WatchJobResponse Snapshot(v1::JobState state) {
  v1::WatchJobResponse news;
  news.mutable_job()->set_id("j-1");
  news.mutable_job()->set_state(state);
  return news;
}

TEST(JobDisplayTest, ATerminalKeepsTheNewestState) {
  std::ostringstream out, err;
  const Terminal terminal{out, err, true, "", [] { return 12; }};
  {
    JobDisplay display(terminal);
    display.Take(Snapshot(v1::RUNNING));
    display.Take(Snapshot(v1::SUCCEEDED));
  }
  // One column stays free, whence the cut.
  EXPECT_THAT(err.str(), EndsWith("j-1  SUCCE\xE2\x80\xA6\x1b[K\n"));
  EXPECT_EQ(out.str(), "");
}

TEST(JobDisplayTest, ElsewhereThereAreNoEscapeSequences) {
  std::ostringstream out, err;
  const Terminal terminal{out, err, false, ""};
  {
    JobDisplay display(terminal);
    display.Take(Snapshot(v1::RUNNING));
  }
  EXPECT_THAT(err.str(), HasSubstr("j-1: RUNNING\n"));
  EXPECT_THAT(err.str(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace nevus
