#include "services/worker/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace nevus {
namespace {

constexpr int kCannotExec = 127;  // as shells have it

// In the child, between fork and exec: other threads' locks may be held for
// ever, so async-signal-safe calls only.
[[noreturn]] void BecomeProgram(const char* program, char* const* argv,
                                pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotExec);  // it died before the line above
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  // When memory runs out the kernel shall take this process, which keeps
  // nothing, and not its parent.
  const int score = open("/proc/self/oom_score_adj", O_WRONLY);
  if (score >= 0) {
    // Raising it is always allowed; without it the kernel merely guesses.
    [[maybe_unused]] const ssize_t written = write(score, "500", 3);
  }
  close_range(STDERR_FILENO + 1, ~0U, 0);
  execv(program, argv);
  _exit(kCannotExec);
}

}  // namespace

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    const char* const name = sigabbrev_np(signal);
    std::string how = absl::StrCat("killed by signal ", signal);
    if (name != nullptr) absl::StrAppend(&how, " (SIG", name, ")");
    if (signal == SIGKILL) {
      absl::StrAppend(&how,
                      "; the kernel does that when memory runs out: give it "
                      "more or use fewer workers");
    }
    return how;
  }
  const int code = WEXITSTATUS(wait_status);
  return code == 0 ? "" : absl::StrCat("exited with code ", code);
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeProgram(program.c_str(), argv.data(), parent);
  if (pid < 0) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                          "cannot start another process: ", strerror(errno),
                          ". Raise the limit on processes or free memory")),
                      "NO_MORE_PROCESSES");
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() {
  Signal(SIGKILL);
  Wait();
}

void ChildProcess::Signal(int signal) {
  MutexLock lock(mutex_);
  if (!reaped_) kill(pid_, signal);
}

std::string ChildProcess::Wait() {
  // Waits without reaping, so that the lock need not be held and Signal never
  // meets a number that was given to another process.
  siginfo_t info;
  while (waitid(P_PID, pid_, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  MutexLock lock(mutex_);
  if (!reaped_) {
    waitpid(pid_, &wait_status_, 0);
    reaped_ = true;
  }
  return DescribeEnd(wait_status_);
}

}  // namespace nevus
