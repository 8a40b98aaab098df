// Structured logs on stderr: one line a state change, key=value or JSON.
//
//   Log("job.state").With("job", id).With("from", a).With("to", b);
//
// writes, when the temporary dies,
//   2026-09-01T12:00:00.123Z job.state job=j-1 from=PENDING to=RUNNING
//
// A line of work that belongs to a trace (base/trace.h) ends with its trace_id.
// Never an error that is also returned, and nothing of a patient: ids and
// digests only. Thread-safe: lines never mix.
#ifndef NEVUS_BASE_LOG_H_
#define NEVUS_BASE_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace nevus {

enum class LogFormat { kText, kJson };

// How lines are written from now on. Call from main, before threads start.
void SetLogFormat(LogFormat format);

class Log {
 public:
  // `event` is lower case with dots: the noun, then what happened to it.
  explicit Log(std::string event) : event_(std::move(event)) {}
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  Log& With(std::string key, const absl::AlphaNum& value) {
    fields_.emplace_back(std::move(key),
                         std::string(value.data(), value.size()));
    return *this;
  }

 private:
  const std::string event_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

// One line for `event` at `time_text`, without the line end. Exposed so that
// the quoting can be tested.
std::string FormatLogLine(
    LogFormat format, const std::string& time_text, const std::string& event,
    const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace nevus

#endif  // NEVUS_BASE_LOG_H_
