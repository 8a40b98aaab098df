// What every process tells of itself: its memory and its version.
#ifndef NEVUS_SERVICES_RUNTIME_PROCESS_METRICS_H_
#define NEVUS_SERVICES_RUNTIME_PROCESS_METRICS_H_

#include <cstdint>
#include <string>

#include "base/metrics.h"

namespace nevus {

// The resident bytes in the text of /proc/self/statm; 0 if it is no such text.
// Pure.
int64_t ResidentBytes(const std::string& statm, int64_t page_bytes);

// Adds nevus_rss_bytes and nevus_build_info to `metrics`, read at each
// snapshot.
void AddProcessMetrics(Metrics& metrics);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_PROCESS_METRICS_H_
