// Which version answers a call to an alias under which a candidate is tried:
// the alias's own, the candidate for its share (a canary), or the alias's own
// with a copy for the candidate (a shadow). Pure.
#ifndef NEVUS_SERVICES_SERVING_CANDIDATE_H_
#define NEVUS_SERVICES_SERVING_CANDIDATE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "protos/nevus/v1/alias.pb.h"

namespace nevus {

struct VersionChoice {
  int64_t version = 0;         // that answers
  bool is_candidate = false;   // it is the candidate
  int64_t shadow_version = 0;  // that gets a copy; 0: none
};

// Sticky: `key` (whom a canary sticks to, or the image's digest) always gets
// the same answer under one candidate and share, on every replica; a larger
// share keeps those that had the candidate.
VersionChoice ChooseVersion(const v1::Alias& alias, const std::string& key);

// The contract's limit (PredictRequest.key). INVALID_ARGUMENT (KEY_TOO_LONG).
absl::Status CheckKey(const std::string& key);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_CANDIDATE_H_
