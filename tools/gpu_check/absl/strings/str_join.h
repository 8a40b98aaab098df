// Stand-in for Abseil's StrJoin; see absl/status/status.h.
#ifndef NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_JOIN_H_
#define NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_JOIN_H_

#include <sstream>
#include <string>

namespace absl {

template <typename Range>
std::string StrJoin(const Range& parts, const char* between) {
  std::ostringstream text;
  const char* before = "";
  for (const auto& part : parts) {
    text << before << part;
    before = between;
  }
  return text.str();
}

}  // namespace absl

#endif  // NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_JOIN_H_
