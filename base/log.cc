#include "base/log.h"

#include <atomic>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/trace.h"

namespace nevus {
namespace {

std::atomic<LogFormat> log_format{LogFormat::kText};

std::string QuotedJson(const std::string& text) {
  std::string out = "\"";
  for (char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c == '"' || c == '\\') {
      out += {'\\', raw};
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out += raw;
    }
  }
  return out + "\"";
}

bool NeedsQuotes(const std::string& text) {
  if (text.empty()) return true;
  for (char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (c <= 0x20 || c == 0x7F || c == '"' || c == '=' || c == '\\')
      return true;
  }
  return false;
}

}  // namespace

void SetLogFormat(LogFormat format) { log_format = format; }

std::string FormatLogLine(
    LogFormat format, const std::string& time_text, const std::string& event,
    const std::vector<std::pair<std::string, std::string>>& fields) {
  if (format == LogFormat::kJson) {
    std::string line = absl::StrCat("{\"time\":", QuotedJson(time_text),
                                    ",\"event\":", QuotedJson(event));
    for (const auto& [key, value] : fields) {
      absl::StrAppend(&line, ",", QuotedJson(key), ":", QuotedJson(value));
    }
    return line + "}";
  }
  std::string line = absl::StrCat(time_text, " ", event);
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&line, " ", key, "=",
                    NeedsQuotes(value) ? QuotedJson(value) : value);
  }
  return line;
}

Log::~Log() {
  const std::string time_text = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E3SZ", Clock::Real().Now(), absl::UTCTimeZone());
  if (CurrentTrace().has_value()) With("trace_id", CurrentTrace()->trace_id);
  const std::string line =
      FormatLogLine(log_format, time_text, event_, fields_) + "\n";
  // One write a line: POSIX locks the stream, so lines never mix.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace nevus
