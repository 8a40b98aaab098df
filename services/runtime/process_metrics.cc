#include "services/runtime/process_metrics.h"

#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/version.h"

namespace nevus {

int64_t ResidentBytes(const std::string& statm, int64_t page_bytes) {
  const std::vector<std::string> fields =
      absl::StrSplit(statm, ' ', absl::SkipEmpty());
  int64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * page_bytes;
}

void AddProcessMetrics(Metrics& metrics) {
  metrics
      .AddGauge("nevus_build_info", "1, with the version as a label.",
                {{"version", kVersion}})
      .Set(1);
  Gauge& rss =
      metrics.AddGauge("nevus_rss_bytes", "Resident memory of the process.");
  metrics.AddRefresh([&rss] {
    std::string statm;
    std::getline(std::ifstream("/proc/self/statm"), statm);
    rss.Set(static_cast<double>(ResidentBytes(statm, ::getpagesize())));
  });
}

}  // namespace nevus
