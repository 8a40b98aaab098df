#include "tests/harness/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace nevus {
namespace {

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Never returns in the child unless to exec.
pid_t Spawn(const std::vector<std::string>& arguments, int out, int err) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& arguments) {
  CommandResult result;
  const char* base = std::getenv("TEST_TMPDIR");
  std::string out = absl::StrCat(base != nullptr ? base : "/tmp", "/outXXXXXX");
  std::string err = absl::StrCat(base != nullptr ? base : "/tmp", "/errXXXXXX");
  const int out_file = mkstemp(out.data());
  const int err_file = mkstemp(err.data());
  const pid_t pid = Spawn(arguments, out_file, err_file);
  int status = 0;
  waitpid(pid, &status, 0);
  close(out_file);
  close(err_file);
  result.exit_code = ExitCode(status);
  result.out = ReadAll(out);
  result.err = ReadAll(err);
  unlink(out.c_str());
  unlink(err.c_str());
  return result;
}

absl::StatusOr<std::unique_ptr<Process>> Process::Start(
    const std::vector<std::string>& arguments, const std::string& log_path) {
  const int log =
      open(log_path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) {
    return absl::InternalError(absl::StrCat("cannot write ", log_path));
  }
  const pid_t pid = Spawn(arguments, log, log);
  close(log);
  if (pid < 0) return absl::InternalError("cannot fork");
  return std::unique_ptr<Process>(new Process(pid));
}

Process::~Process() {
  if (!ended_) End(SIGKILL);
}

bool Process::running() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
    ended_ = true;
    exit_code_ = ExitCode(status);
  }
  return !ended_;
}

void Process::Signal(int signal) {
  if (running()) kill(pid_, signal);
}

int Process::End(int signal) {
  if (!ended_) {
    kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    ended_ = true;
    exit_code_ = ExitCode(status);
  }
  return exit_code_;
}

}  // namespace nevus
