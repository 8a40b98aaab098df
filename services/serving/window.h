// The window of time that a request asks about. Pure.
#ifndef NEVUS_SERVICES_SERVING_WINDOW_H_
#define NEVUS_SERVICES_SERVING_WINDOW_H_

#include <google/protobuf/timestamp.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace nevus {

struct TimeWindow {
  absl::Time since = absl::InfinitePast();    // from then on
  absl::Time until = absl::InfiniteFuture();  // before then
};

inline absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) +
         absl::Nanoseconds(timestamp.nanos());
}

// Of a request with `since` and `until`. INVALID_ARGUMENT (WINDOW_INVALID) if
// it ends before it begins.
template <typename Request>
absl::StatusOr<TimeWindow> WindowOf(const Request& request) {
  TimeWindow window;
  if (request.has_since()) window.since = ToTime(request.since());
  if (request.has_until()) window.until = ToTime(request.until());
  if (window.since <= window.until) return window;
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "since is ", absl::FormatTime(window.since, absl::UTCTimeZone()),
          ", after until, ",
          absl::FormatTime(window.until, absl::UTCTimeZone()),
          "; give a window that ends after it begins")),
      "WINDOW_INVALID");
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_WINDOW_H_
