#include "clients/nevus/time_window.h"

#include "absl/strings/str_cat.h"
#include "base/name.h"

namespace nevus {

std::vector<Flag> WindowFlags() {
  return {Flag::Text("since", "T",
                     "from this time on: 2026-09-01, 2026-09-01T12:00:00Z, or "
                     "so long ago: 24h"),
          Flag::Text("until", "T", "before this time, in the same forms")};
}

absl::StatusOr<absl::Time> ParseMoment(const std::string& flag,
                                       const std::string& text,
                                       absl::Time now) {
  absl::Duration ago;
  if (absl::ParseDuration(text, &ago) && ago >= absl::ZeroDuration()) {
    return now - ago;
  }
  absl::Time time;
  std::string error;
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%d"}) {
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &time, &error)) {
      return time;
    }
  }
  return UsageError(absl::StrCat(
      "--", flag, " is ", Quoted(text),
      "; give a day (2026-09-01), a time (2026-09-01T12:00:00Z), or how long "
      "ago (24h, 90m)"));
}

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  const timespec parts = absl::ToTimespec(time);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(parts.tv_sec);
  timestamp.set_nanos(static_cast<int>(parts.tv_nsec));
  return timestamp;
}

}  // namespace nevus
