// Metrics in Prometheus's text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure.
#ifndef NEVUS_SERVICES_RUNTIME_METRICS_TEXT_H_
#define NEVUS_SERVICES_RUNTIME_METRICS_TEXT_H_

#include <string>
#include <vector>

#include "base/metrics.h"

namespace nevus {

inline constexpr char kMetricsContentType[] =
    "text/plain; version=0.0.4; charset=utf-8";

std::string ToMetricsText(const std::vector<MetricSnapshot>& metrics);

}  // namespace nevus

#endif  // NEVUS_SERVICES_RUNTIME_METRICS_TEXT_H_
