// --since and --until of commands that look back. Pure.
#ifndef NEVUS_CLIENTS_NEVUS_TIME_WINDOW_H_
#define NEVUS_CLIENTS_NEVUS_TIME_WINDOW_H_

#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/nevus/command.h"

namespace nevus {

// --since T and --until T.
std::vector<Flag> WindowFlags();

// A moment in text: a time such as 2026-09-01T12:00:00Z, a day such as
// 2026-09-01 (its beginning, UTC), or so long before `now`: 24h, 90m. USAGE for
// anything else, naming `flag`.
absl::StatusOr<absl::Time> ParseMoment(const std::string& flag,
                                       const std::string& text, absl::Time now);

google::protobuf::Timestamp ToTimestamp(absl::Time time);

// What the flags of a command line say, into a request with `since` and
// `until`; a flag that was not given sets nothing.
template <typename Request>
absl::Status SetWindow(const Invocation& line, absl::Time now,
                       Request& request) {
  if (line.Has("since")) {
    const auto since = ParseMoment("since", line.Text("since"), now);
    if (!since.ok()) return since.status();
    *request.mutable_since() = ToTimestamp(*since);
  }
  if (line.Has("until")) {
    const auto until = ParseMoment("until", line.Text("until"), now);
    if (!until.ok()) return until.status();
    *request.mutable_until() = ToTimestamp(*until);
  }
  return absl::OkStatus();
}

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_TIME_WINDOW_H_
