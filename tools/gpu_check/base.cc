// What the files that tools/gpu-check compiles call of base, without Abseil's
// payloads: a reason stands in the message instead.
#include "base/name.h"
#include "base/status.h"

namespace nevus {

absl::Status WithReason(absl::Status status, const std::string& reason,
                        const std::map<std::string, std::string>&) {
  if (status.ok()) return status;
  return {status.code(), status.message() + " (" + reason + ")"};
}

std::string Quoted(const std::string& text) { return '"' + text + '"'; }

}  // namespace nevus
