#include "base/trace.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

// "00-" trace id "-" parent id "-" flags.
constexpr size_t kLength = 55;

thread_local std::optional<TraceContext> current_trace;

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsZero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(std::string_view header) {
  if (header.size() < kLength) return std::nullopt;
  const std::string_view version = header.substr(0, 2);
  const std::string_view trace_id = header.substr(3, 32);
  const std::string_view parent_id = header.substr(36, 16);
  const std::string_view flags = header.substr(53, 2);
  if (header[2] != '-' || header[35] != '-' || header[52] != '-' ||
      !IsHex(version) || !IsHex(trace_id) || !IsHex(parent_id) ||
      !IsHex(flags) || IsZero(trace_id) || IsZero(parent_id) ||
      version == "ff") {
    return std::nullopt;
  }
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) {
    return std::nullopt;
  }
  return TraceContext{std::string(trace_id), std::string(parent_id),
                      std::string(flags)};
}

std::string FormatTraceparent(const TraceContext& trace,
                              const std::string& span_id) {
  return absl::StrCat("00-", trace.trace_id, "-", span_id, "-", trace.flags);
}

const std::optional<TraceContext>& CurrentTrace() { return current_trace; }

void SetCurrentTrace(std::optional<TraceContext> trace) {
  current_trace = std::move(trace);
}

}  // namespace nevus
