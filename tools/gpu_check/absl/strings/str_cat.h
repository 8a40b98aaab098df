// Stand-in for Abseil's StrCat; see absl/status/status.h.
#ifndef NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_CAT_H_
#define NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_CAT_H_

#include <sstream>
#include <string>

namespace absl {

template <typename... Parts>
std::string StrCat(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

}  // namespace absl

#endif  // NEVUS_TOOLS_GPU_CHECK_ABSL_STRINGS_STR_CAT_H_
