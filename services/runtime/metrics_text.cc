#include "services/runtime/metrics_text.h"

#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace nevus {
namespace {

const char* Name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      break;
  }
  return "histogram";
}

// The shortest of 15 to 17 digits that is the number again.
std::string ToText(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  std::string text;
  for (int digits = 15; digits <= 17; ++digits) {
    text = absl::StrFormat("%.*g", digits, number);
    if (std::strtod(text.c_str(), nullptr) == number) break;
  }
  return text;
}

std::string ToText(const MetricLabels& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    absl::StrAppend(&text, text.empty() ? "{" : ",", name, "=\"",
                    absl::StrReplaceAll(
                        value, {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}}),
                    "\"");
  }
  return text.empty() ? "" : text + "}";
}

void AppendHistogram(const std::string& name,
                     const MetricSnapshot::Sample& sample, std::string& text) {
  const Histogram::Counts& counts = sample.histogram;
  MetricLabels labels = sample.labels;
  for (size_t i = 0; i < counts.bounds.size(); ++i) {
    labels["le"] = ToText(counts.bounds[i]);
    absl::StrAppend(&text, name, "_bucket", ToText(labels), " ",
                    counts.cumulative[i], "\n");
  }
  labels["le"] = "+Inf";
  absl::StrAppend(&text, name, "_bucket", ToText(labels), " ", counts.count,
                  "\n");
  absl::StrAppend(&text, name, "_sum", ToText(sample.labels), " ",
                  ToText(counts.sum), "\n");
  absl::StrAppend(&text, name, "_count", ToText(sample.labels), " ",
                  counts.count, "\n");
}

}  // namespace

std::string ToMetricsText(const std::vector<MetricSnapshot>& metrics) {
  std::string text;
  for (const MetricSnapshot& metric : metrics) {
    absl::StrAppend(
        &text, "# HELP ", metric.name, " ",
        absl::StrReplaceAll(metric.help, {{"\\", "\\\\"}, {"\n", "\\n"}}),
        "\n# TYPE ", metric.name, " ", Name(metric.kind), "\n");
    for (const MetricSnapshot::Sample& sample : metric.samples) {
      if (metric.kind == MetricKind::kHistogram) {
        AppendHistogram(metric.name, sample, text);
      } else {
        absl::StrAppend(&text, metric.name, ToText(sample.labels), " ",
                        ToText(sample.value), "\n");
      }
    }
  }
  return text;
}

}  // namespace nevus
