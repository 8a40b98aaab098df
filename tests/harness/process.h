// A child process of a test: start, wait, stop, kill. Knows no Nevus.
#ifndef NEVUS_TESTS_HARNESS_PROCESS_H_
#define NEVUS_TESTS_HARNESS_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace nevus {

// How a finished command ended.
struct CommandResult {
  int exit_code = -1;  // 128 + the signal if one killed it
  std::string out;
  std::string err;
};

// Runs `arguments` (the first is the program) to its end.
CommandResult RunCommand(const std::vector<std::string>& arguments);

// A program that runs beside the test. Killed by the destructor, and by the
// kernel if the test dies first. Thread-compatible.
class Process {
 public:
  // Its standard output and error go to the file `log_path`, appended.
  static absl::StatusOr<std::unique_ptr<Process>> Start(
      const std::vector<std::string>& arguments, const std::string& log_path);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  // True until it has ended.
  bool running();
  // Sends `signal`, such as SIGSTOP; does not wait for what it does.
  void Signal(int signal);
  // Sends `signal` and waits for the end; returns the exit code as above.
  int End(int signal);

 private:
  explicit Process(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  bool ended_ = false;
  int exit_code_ = -1;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_HARNESS_PROCESS_H_
