// GoogleTest matchers for absl::Status and absl::StatusOr.
//
// Stand-ins until Abseil's own (absl/status/status_matchers.h) are in Debian.
// There is no "is not OK" on purpose: test for the error you mean.
#ifndef NEVUS_BASE_STATUS_MATCHERS_H_
#define NEVUS_BASE_STATUS_MATCHERS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"

namespace nevus {

inline const absl::Status& ToStatus(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& value) {
  return value.status();
}

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << ToStatus(arg);
  return ToStatus(arg).ok();
}

// The code is `code` and the message contains `part`.
MATCHER_P2(StatusIs, code, part,
           "has code " + absl::StatusCodeToString(code) +
               " and a message with \"" + std::string(part) + "\"") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << status;
  return status.code() == code &&
         std::string(status.message()).find(part) != std::string::npos;
}

}  // namespace nevus

#endif  // NEVUS_BASE_STATUS_MATCHERS_H_
