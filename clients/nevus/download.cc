#include "clients/nevus/download.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

extern char** environ;

namespace nevus {
namespace {

absl::Status Failed(const std::string& url, const std::string& why) {
  return WithReason(absl::FailedPreconditionError(
                        absl::StrCat(url, " could not be fetched: ", why)),
                    "DOWNLOAD_FAILED", {{"url", url}});
}

// What the program says on stderr, and how it ended; an error number if it
// could not be started.
struct Ended {
  int start_error = 0;
  int wait_status = 0;
  std::string words;
};

Ended Run(const std::vector<std::string>& arguments, bool keep_words) {
  Ended ended;
  int words[2];
  if (pipe2(words, O_CLOEXEC) != 0) {
    ended.start_error = errno;
    return ended;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  if (keep_words) posix_spawn_file_actions_adddup2(&actions, words[1], 2);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_t pid = 0;
  ended.start_error =
      posix_spawnp(&pid, argv[0], &actions,
                   /*attributes=*/nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(words[1]);
  if (ended.start_error == 0) {
    char buffer[4096];
    ssize_t count;
    while ((count = read(words[0], buffer, sizeof(buffer))) > 0 ||
           (count < 0 && errno == EINTR)) {
      if (count > 0) ended.words.append(buffer, count);
    }
    while (waitpid(pid, &ended.wait_status, 0) < 0 && errno == EINTR) {
    }
  }
  close(words[0]);
  return ended;
}

}  // namespace

absl::Status Download(const std::string& url, const std::string& path,
                      const DownloadOptions& options) {
  const std::string protocols = options.allow_http ? "=http,https" : "=https";
  std::vector<std::string> arguments = {
      "curl",    "--fail",        "--location", "--proto",
      protocols, "--proto-redir", protocols,    "--connect-timeout",
      "20",      "--speed-limit", "1000",       "--speed-time",
      "60",      "--output",      path};
  if (options.show_progress) {
    arguments.push_back("--progress-bar");
  } else {
    arguments.insert(arguments.end(), {"--silent", "--show-error"});
  }
  // After all options: an address is never taken for one.
  arguments.insert(arguments.end(), {"--url", url});
  const Ended ended = Run(arguments, /*keep_words=*/!options.show_progress);
  if (ended.start_error != 0) {
    return Failed(url, absl::StrCat("the program curl cannot be started (",
                                    strerror(ended.start_error),
                                    "). Install Debian's package curl"));
  }
  if (WIFEXITED(ended.wait_status) && WEXITSTATUS(ended.wait_status) == 0) {
    return absl::OkStatus();
  }
  const std::string words(absl::StripAsciiWhitespace(ended.words));
  if (!words.empty()) return Failed(url, words);
  return Failed(url, WIFEXITED(ended.wait_status)
                         ? absl::StrCat("curl ended with code ",
                                        WEXITSTATUS(ended.wait_status))
                         : absl::StrCat("curl was killed by signal ",
                                        WTERMSIG(ended.wait_status)));
}

}  // namespace nevus
