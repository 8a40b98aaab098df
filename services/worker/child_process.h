// A program that runs as a child of this process: start, signal, wait, and say
// how it ended. Knows nothing of workers.
#ifndef NEVUS_SERVICES_WORKER_CHILD_PROCESS_H_
#define NEVUS_SERVICES_WORKER_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace nevus {

// How a process ended, as a sentence without its subject: "killed by signal 11
// (SIGSEGV)", "exited with code 3"; "" for code 0. `wait_status` is waitpid's.
std::string DescribeEnd(int wait_status);

// Thread-safe. Shares standard output and error with this process and no other
// file. The kernel kills it when the thread that started it ends, so also when
// this process dies in whatever way.
class ChildProcess {
 public:
  // `program` is its path, `arguments[0]` what it is to call itself.
  // RESOURCE_EXHAUSTED: the system lets us have no further process.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::string& program, const std::vector<std::string>& arguments);
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Nothing happens once it has ended.
  void Signal(int signal);
  // Waits for its end; returns how it was (DescribeEnd).
  std::string Wait();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  Mutex mutex_;
  // From then on the number may belong to another process.
  bool reaped_ ABSL_GUARDED_BY(mutex_) = false;
  int wait_status_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_WORKER_CHILD_PROCESS_H_
