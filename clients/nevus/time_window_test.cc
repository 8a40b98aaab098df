#include "clients/nevus/time_window.h"

#include "base/status.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// 2026-09-01T12:00:00Z, as date -d @1788264000 -u says.
const absl::Time kNow = absl::FromUnixSeconds(1'788'264'000);

TEST(ParseMomentTest, ReadsDaysTimesAndHowLongAgo) {
  EXPECT_EQ(ParseMoment("since", "24h", kNow).value(), kNow - absl::Hours(24));
  EXPECT_EQ(ParseMoment("since", "0", kNow).value(), kNow);
  EXPECT_EQ(ParseMoment("since", "2026-09-01", kNow).value(),
            kNow - absl::Hours(12));
  EXPECT_EQ(ParseMoment("since", "2026-09-01T12:00:01Z", kNow).value(),
            kNow + absl::Seconds(1));
  EXPECT_EQ(ParseMoment("since", "2026-09-01T14:00:00+02:00", kNow).value(),
            kNow);
}

TEST(ParseMomentTest, NamesTheFlagOfWhatIsNoMoment) {
  for (const char* bad : {"", "yesterday", "-24h", "24", "2026-13-01"}) {
    const absl::Status status = ParseMoment("until", bad, kNow).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "--until"))
        << bad;
    EXPECT_EQ(ReasonOf(status), "USAGE");
  }
}

}  // namespace
}  // namespace nevus
