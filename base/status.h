// Helpers around absl::Status: early return, and machine-readable reasons.
//
// A status may carry a reason (UPPER_SNAKE_CASE, stable, part of the API) and
// metadata beside its message. base/rpc turns them into
// google.rpc.ErrorInfo{reason, domain "nevus", metadata} and back, so a reason
// given in storage or compute reaches the client unchanged.
//
// The two macros stand in until Abseil ships its own (not in 20220623).
#ifndef NEVUS_BASE_STATUS_H_
#define NEVUS_BASE_STATUS_H_

#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace nevus {

// Returns `status` with `reason` and `metadata` attached; an OK status is
// returned as it is. A reason that is already there is replaced, metadata are
// added.
absl::Status WithReason(
    absl::Status status, const std::string& reason,
    const std::map<std::string, std::string>& metadata = {});

// The reason attached to `status`, or "" if there is none.
std::string ReasonOf(const absl::Status& status);
std::map<std::string, std::string> MetadataOf(const absl::Status& status);

// Says that a plain retry after `delay` may succeed (google.rpc.RetryInfo).
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);
// The delay attached to `status`; zero if there is none.
absl::Duration RetryDelayOf(const absl::Status& status);

// Returns `status` with "`prefix`: " before its message, keeping code, reason
// and metadata. For what the layer alone knows, such as the file's name.
absl::Status Annotate(const absl::Status& status, const std::string& prefix);

}  // namespace nevus

#define NEVUS_CONCAT_INNER_(a, b) a##b
#define NEVUS_CONCAT_(a, b) NEVUS_CONCAT_INNER_(a, b)

#define RETURN_IF_ERROR(expr)                             \
  do {                                                    \
    if (::absl::Status _status = (expr); !_status.ok()) { \
      return _status;                                     \
    }                                                     \
  } while (false)

#define ASSIGN_OR_RETURN(lhs, expr) \
  NEVUS_ASSIGN_OR_RETURN_IMPL_(NEVUS_CONCAT_(_or_, __LINE__), lhs, expr)
#define NEVUS_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return std::move(tmp).status();     \
  lhs = std::move(tmp).value()

#endif  // NEVUS_BASE_STATUS_H_
