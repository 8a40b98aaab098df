#include "services/serving/candidate.h"

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr size_t kMaxKeyBytes = 200;

// A place in [0, 1) that depends on alias, candidate and key alone. Another
// candidate spreads the keys anew: not always the same patients try what is
// new.
double PlaceOf(const v1::Alias& alias, const std::string& key) {
  const uint64_t sum =
      Checksum64(absl::StrCat(alias.model(), "@", alias.alias(), " ",
                              alias.candidate_version(), " ", key));
  // The upper 53 bits, exactly.
  return static_cast<double>(sum >> 11) / static_cast<double>(1ull << 53);
}

}  // namespace

VersionChoice ChooseVersion(const v1::Alias& alias, const std::string& key) {
  VersionChoice choice;
  choice.version = alias.version();
  if (alias.candidate_version() == 0 ||
      PlaceOf(alias, key) >= alias.candidate_share()) {
    return choice;
  }
  switch (alias.candidate_mode()) {
    case v1::CANDIDATE_CANARY:
      choice.version = alias.candidate_version();
      choice.is_candidate = true;
      break;
    case v1::CANDIDATE_SHADOW:
      choice.shadow_version = alias.candidate_version();
      break;
    default:
      break;
  }
  return choice;
}

absl::Status CheckKey(const std::string& key) {
  if (key.size() <= kMaxKeyBytes) return absl::OkStatus();
  return WithReason(absl::InvalidArgumentError(absl::StrCat(
                        "key has ", key.size(), " bytes; the most is ",
                        kMaxKeyBytes, ": give a pseudonym or a hash")),
                    "KEY_TOO_LONG");
}

}  // namespace nevus
