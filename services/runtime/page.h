// Pages of lists: how long one is, and where the next begins (AIP-158). Pure.
#ifndef NEVUS_SERVICES_RUNTIME_PAGE_H_
#define NEVUS_SERVICES_RUNTIME_PAGE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "base/status.h"

namespace nevus {

constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 1000;

// What a page_size field means.
inline int PageSize(int requested) {
  if (requested <= 0) return kDefaultPageSize;
  return requested < kMaxPageSize ? requested : kMaxPageSize;
}

// The token after `last_key`. Hex: clients are not to read it.
inline std::string PageToken(const std::string& last_key) {
  return absl::BytesToHexString(last_key);
}

// The key a page starts after; "" for the first page. INVALID_ARGUMENT
// (PAGE_TOKEN_INVALID) for a token not of ours.
inline absl::StatusOr<std::string> StartAfter(const std::string& token) {
  const std::string key = absl::HexStringToBytes(token);
  if (absl::BytesToHexString(key) == token) return key;
  return WithReason(
      absl::InvalidArgumentError("the page token is not of this server; begin "
                                 "again without one"),
      "PAGE_TOKEN_INVALID");
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PAGE_H_
