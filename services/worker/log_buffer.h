// The log lines of one attempt that the scheduler does not have yet. Knows
// nothing of tasks, heartbeats or locks.
//
// Lines are numbered from 1. A line stays until it was settled, so that one
// whose heartbeat was lost goes again under the same number and is kept once. A
// worker that says more than the scheduler takes loses its oldest lines; a line
// in their place says how many.
#ifndef NEVUS_SERVICES_WORKER_LOG_BUFFER_H_
#define NEVUS_SERVICES_WORKER_LOG_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace nevus {

// Thread-compatible.
class LogBuffer {
 public:
  // The contract's limits (job.proto, HeartbeatRequest.log_lines).
  static constexpr size_t kMostLinesInBatch = 100;
  static constexpr size_t kMostLineBytes = 1024;
  // 1 MiB at most: what is said while the scheduler is away.
  static constexpr size_t kMostLines = 1000;

  struct Batch {
    int64_t first = 0;  // the number of lines[0]
    std::vector<std::string> lines;
    int64_t last() const { return first + int64_t(lines.size()) - 1; }
  };

  // Takes `line` as CleanLine makes it.
  void Add(std::string_view line);
  // The oldest lines that are not settled, at most kMostLinesInBatch.
  Batch Next() const;
  // The scheduler has every line up to the number `last`.
  void Settle(int64_t last);
  // Nothing is left to be sent.
  bool empty() const { return lines_.empty() && lost() == 0; }

 private:
  int64_t first() const { return newest_ - int64_t(lines_.size()) + 1; }
  // Lines that were dropped before they were settled.
  int64_t lost() const { return first() - 1 - settled_; }

  int64_t newest_ = 0;             // the last number given
  int64_t settled_ = 0;            // the last number that the scheduler has
  std::deque<std::string> lines_;  // numbers first() to newest_
};

// `line` as one line of valid UTF-8 and at most LogBuffer::kMostLineBytes:
// control characters become spaces, bytes that are no UTF-8 "?" (a message with
// such a text is refused whole), and the rest is cut off.
std::string CleanLine(std::string_view line);

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_LOG_BUFFER_H_
