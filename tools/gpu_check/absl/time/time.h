// Stand-in for Abseil's time, which base/status.h names and nothing here uses;
// see absl/status/status.h.
#ifndef NEVUS_TOOLS_GPU_CHECK_ABSL_TIME_TIME_H_
#define NEVUS_TOOLS_GPU_CHECK_ABSL_TIME_TIME_H_

namespace absl {

class Duration;

}  // namespace absl

#endif  // NEVUS_TOOLS_GPU_CHECK_ABSL_TIME_TIME_H_
